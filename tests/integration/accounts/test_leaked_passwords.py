"""A password from before there were rules, which is on lists of leaked ones, opens nothing."""

import logging

import pytest
from django.contrib.auth.hashers import make_password

from accounts.models import User
from accounts.services import sign_up
from tests.limits import forget_limits

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "ann@example.com"
LEAKED = "1qaz2wsx3edc"


@pytest.mark.parametrize("path", ["/login", "/admin/login/"])
def test_a_leaked_password_of_before_opens_nothing(client, caplog, path):
    forget_limits()
    caplog.set_level(logging.INFO, logger="accounts.access.security_log")
    ann = sign_up(email=EMAIL, password="correct horse battery")
    User.objects.filter(pk=ann.pk).update(password=make_password(LEAKED), is_staff=True)

    page = client.post(path, {"email": EMAIL, "password": LEAKED}).content.decode()
    wrong = client.post(path, {"email": EMAIL, "password": f"{LEAKED}x"}).content.decode()

    assert "leaked" in page
    assert "/login/forgotten" in page
    assert "leaked" not in wrong
    assert "_auth_user_id" not in client.session
    lines = [r.msg for r in caplog.records if r.name == "accounts.access.security_log"]
    reasons = [line["reason"] for line in lines if line["event"] == "login_refused"]
    assert reasons == ["leaked_password", "wrong_credentials"]
