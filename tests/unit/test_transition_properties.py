"""Properties of every entry, whatever a listing shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.entry_records import CLAIMED, EARLIER, NOW, REGISTERED, WAITING, failed
from watcher.ledger import transitions
from watcher.ledger.entry_record import EntryRecord, Sighting
from watcher.model import (
    Failure,
    ObjectInfo,
)

entries = st.one_of(
    st.builds(
        WAITING._replace,
        attempts=st.integers(0, 3),
        due_at=st.sampled_from([None, EARLIER, NOW]),
        watch_id=st.integers(1, 2),
    ),
    st.just(CLAIMED),
    st.just(REGISTERED),
    st.builds(failed, st.sampled_from(Failure), settled_at=st.sampled_from([EARLIER, NOW])),
)
objects = st.builds(
    ObjectInfo,
    st.just("a"),
    st.sampled_from(["E1", "E2"]),
    st.sampled_from([5, 6]),
    st.sampled_from([99, 100, 101]),
)
sightings = st.builds(
    Sighting,
    watch_id=st.integers(1, 2),
    now_ms=st.just(NOW),
    began_ms=st.sampled_from([EARLIER, NOW]),
    as_of=st.sampled_from([None, 50, NOW]),
)


@given(entries, objects, sightings)
def test_seeing_an_object_twice_changes_its_entry_once(
    known: EntryRecord, found: ObjectInfo, sighting: Sighting
) -> None:
    after = transitions.seen_again(known, found, sighting)
    assert transitions.seen_again(after, found, sighting) == after


@given(entries, sightings)
def test_what_needs_no_look_does_not_change_by_being_seen(
    known: EntryRecord, sighting: Sighting
) -> None:
    found = ObjectInfo("a", known.etag, known.size_bytes, known.modified_at)
    if transitions.needs_no_look(known, sighting.watch_id):
        assert transitions.seen_again(known, found, sighting) is known


@given(entries, objects, sightings)
def test_no_sighting_takes_a_media_id_away_or_leaves_a_state_without_its_reason(
    known: EntryRecord, found: ObjectInfo, sighting: Sighting
) -> None:
    after = transitions.seen_again(known, found, sighting)
    assert after.media_id == known.media_id
    assert (after.state == "failed") == (after.reason is not None)
    assert (after.state == "registered") == (after.media_id is not None)
