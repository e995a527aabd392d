"""Two batches at once: the first is kept while the second can still be taken back."""

from tests.unit.matching.engine.notation import MARKET_ID, Desk

RESTING = "sell 3 @ 100; sell 3 @ 101"


def test_undo_back_to_a_mark_keeps_what_came_before_it():
    desk, twin = Desk(RESTING), Desk(RESTING)
    for each in (desk, twin):
        each.place("buy 4 @ 101")
    mark = desk.engine.mark()

    desk.place("buy 1 market")
    desk.phase("halted")
    desk.engine.undo(mark)

    assert desk.engine.state_hash() == twin.engine.state_hash()


def test_commit_up_to_a_mark_leaves_the_rest_to_be_taken_back():
    desk, twin = Desk(RESTING), Desk(RESTING)
    for each in (desk, twin):
        each.place("buy 4 @ 101")
        each.phase("post_only")
    mark = desk.engine.mark()
    desk.phase("continuous")
    desk.place("buy 2 market")

    desk.engine.commit(mark)
    desk.engine.undo()

    assert desk.engine.state_hash() == twin.engine.state_hash()
    assert desk.engine.market(MARKET_ID).phase == "post_only"


def test_marks_after_a_commit_count_from_it():
    desk, twin = Desk(RESTING), Desk(RESTING)
    desk.place("buy 1 @ 100")
    first = desk.engine.mark()
    desk.place("buy 1 @ 100")
    desk.engine.commit(first)
    second = desk.engine.mark()
    desk.place("buy 3 @ 101")
    for _ in range(2):
        twin.place("buy 1 @ 100")

    desk.engine.undo(second)
    assert desk.book() == twin.book() == "sell 1 @ 100; sell 3 @ 101"
    desk.engine.undo()

    assert desk.book() == "sell 2 @ 100; sell 3 @ 101"
