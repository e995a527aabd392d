"""What people may do with alerts, and what is told of them by queue and mail."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from accounts.people.mails import mailer
from tests.actors import SYSTEM, customer
from tests.exchange import wait_until
from tests.integration.marketdata.alerts import row_of, set_one, terms_of, wish, write_trades
from tests.integration.marketdata.conftest import Bench, Publisher
from tests.integration.marketdata.test_service import _running
from zavora.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)

WAIT_S = 10.0


def refused_fields(owner: Any, condition: str, price: Any, **more: Any) -> list[str]:
    with pytest.raises(ValidationFailed) as refused:
        set_one(owner, condition, price, **more)
    return list(refused.value.details)


def test_what_cannot_be_is_named(bench: Bench) -> None:
    from marketdata.models import PriceAlert

    market = bench.market()
    write_trades(market, [100])
    owner = bench.accounts[0].owner
    assert refused_fields(owner, "rises_to", "100.00") == ["price"]
    assert refused_fields(owner, "rises_to", "99") == ["price"]
    assert refused_fields(owner, "falls_to", "101") == ["price"]
    assert refused_fields(owner, "rises_to", "101.001") == ["price"]
    assert refused_fields(owner, "rises_to", "-1") == ["price"]
    assert refused_fields(owner, "rises_to", 10**15) == ["price"]
    assert refused_fields(owner, "touches", 101) == ["condition"]
    assert refused_fields(owner, "rises_to", 101, note="x" * 101) == ["note"]
    assert refused_fields(owner, "rises_to", 101, note="a\x00") == ["note"]
    assert refused_fields(owner, "rises_to", 101, by_page=False) == ["by_page"]
    EmailAddress.objects.filter(user=owner).update(verified=False)
    assert refused_fields(owner, "rises_to", 101, by_mail=True) == ["by_mail"]
    assert not PriceAlert.objects.exists()


def test_a_person_has_so_many_and_the_oldest_told_makes_room(bench: Bench, settings: Any) -> None:
    from marketdata.alerts.watching import watch_trades

    settings.ZAVORA_ALERTS_MAX = 2
    market = bench.market()
    write_trades(market, [100])
    owner = bench.accounts[0].owner
    first, second = (set_one(owner, "rises_to", price) for price in (110, 120))
    with pytest.raises(Conflict):
        set_one(owner, "rises_to", 130)
    write_trades(market, [111], after=1)
    watch_trades(terms_of(market))
    third = set_one(owner, "rises_to", 130)

    from marketdata.alerts.selectors import list_alerts

    known = {one.alert_id for one in list_alerts(owner.pk)}
    assert known == {second.alert_id, third.alert_id}
    assert first.alert_id not in known
    # Of somebody else it says nothing.
    set_one(bench.accounts[1].owner, "rises_to", 130)


def test_only_its_owner_changes_and_removes_an_alert(bench: Bench) -> None:
    from marketdata.alerts.services import change_alert, remove_alert, set_alert

    bench.market()
    owner, other = bench.accounts[0].owner, bench.accounts[1].owner
    alert = set_one(owner, "rises_to", 110)
    for act in (
        lambda by: change_alert(by=by, alert_id=alert.alert_id, changes={"note": "mine"}),
        lambda by: remove_alert(by=by, alert_id=alert.alert_id),
    ):
        with pytest.raises(NotFound):
            act(customer(other))
        with pytest.raises(Forbidden):
            act(SYSTEM)
    with pytest.raises(Forbidden):
        set_alert(by=SYSTEM, market="BTC/USD", terms=wish("rises_to", 1))
    assert row_of(alert).note == ""
    assert (
        change_alert(by=customer(owner), alert_id=alert.alert_id, changes={"note": "mine"}).note
        == "mine"
    )
    assert remove_alert(by=customer(owner), alert_id=alert.alert_id).alert_id == alert.alert_id
    with pytest.raises(NotFound):
        remove_alert(by=customer(owner), alert_id=alert.alert_id)


def test_another_price_arms_an_alert_anew_and_other_words_do_not(bench: Bench) -> None:
    from marketdata.alerts.services import change_alert
    from marketdata.alerts.watching import watch_trades

    market = bench.market()
    write_trades(market, [100])
    owner = bench.accounts[0].owner
    alert = set_one(owner, "rises_to", 110)
    write_trades(market, [115], after=1)
    watch_trades(terms_of(market))

    def change(**changes: Any) -> Any:
        return change_alert(by=customer(owner), alert_id=alert.alert_id, changes=changes)

    assert change(note="seen").state == "told"
    with pytest.raises(ValidationFailed):
        change(price="112")
    again = change(price="120")
    assert (again.state, again.told_count, again.price) == ("armed", 1, "120.00")
    write_trades(market, [120], after=2)
    (told,) = watch_trades(terms_of(market)).told
    assert told.told_count == 2


def test_what_was_traded_while_the_service_was_down_is_told_once_by_the_queue(
    bench: Bench, publisher: Publisher
) -> None:
    from marketdata.wire import ALERTS_CHANNEL, decode_alerts

    market = bench.market()
    write_trades(market, [100])
    alert = set_one(bench.accounts[0].owner, "rises_to", 110)
    heard = publisher.redis.pubsub(ignore_subscribe_messages=True)
    heard.subscribe(ALERTS_CHANNEL)
    heard.get_message(timeout=WAIT_S)
    _apply_trades(bench, market, 120, 100)

    with _running():
        wait_until(lambda: row_of(alert).state == "told", timeout_s=WAIT_S, what="the alert")
        message: Any = wait_until(
            lambda: heard.get_message(timeout=0.1), timeout_s=WAIT_S, what="the message"
        )
    (state,) = decode_alerts(message["data"])
    assert (state.alert_id, state.told_count, state.told_price) == (alert.alert_id, 1, "120.00")
    heard.close()


def _apply_trades(bench: Bench, market: int, *prices: int) -> None:
    """Trade for real: the service asks the market's state how far it is."""
    from matching.models import MarketState, Trade

    Trade.objects.filter(market_id=market).delete()
    MarketState.objects.filter(market_id=market).update(trade_sequence=1 + len(prices))
    write_trades(market, [100, *prices])


def test_mails_go_once_to_proved_addresses_and_few_an_hour(bench: Bench, settings: Any) -> None:
    from marketdata.alerts.links import mails_link
    from marketdata.alerts.mailing import mail_alerts
    from marketdata.alerts.services import stop_alert_mails
    from marketdata.alerts.watching import watch_trades

    settings.ZAVORA_ALERT_MAILS_PER_HOUR = 2
    market = bench.market()
    write_trades(market, [100])
    owner = bench.accounts[0].owner
    alerts = [
        set_one(owner, "rises_to", 110, by_mail=True, by_page=n > 0, note=f"n{n}") for n in range(4)
    ]
    row = row_of(alerts[3])
    row.page_url = "http://exchange.test/account/alerts"
    row.save()
    # Switched off before it is told.
    with pytest.raises(Forbidden):
        stop_alert_mails(by=customer(bench.accounts[1].owner), token=mails_link(owner.pk))
    write_trades(market, [110], after=1)
    watch_trades(terms_of(market))
    assert mail_alerts() == 4
    assert mail_alerts() == 0
    assert mailer.wait_until_sent(WAIT_S)
    assert [sent.subject for sent in mail.outbox] == ["BTC/USD rose to 110.00"] * 2
    assert "it traded at 110.00" in mail.outbox[0].body
    assert {tuple(sent.to) for sent in mail.outbox} == {(owner.email,)}

    assert stop_alert_mails(by=customer(owner), token=mails_link(owner.pk)) == 4
    assert row_of(alerts[0]).by_page
    with pytest.raises(Forbidden):
        stop_alert_mails(by=customer(owner), token="forged")
