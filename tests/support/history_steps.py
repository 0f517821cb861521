"""The steps of a random history: strategies, and the constants behind them."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support.fake_vod import FAULTS
from tests.support.history_configs import WatchAs
from tests.support.oracle import LONG, RULES
from watcher.errors import AccountRefused, BucketRefused, Unreachable

HOUR_S = 3_600
SERVICE = 65_534  # a user that is not root
QUIET_S = (
    660  # after which an object that may grow is taken, and whatever waits for an attempt is due
)
KEYS = (
    "1.mp4",
    "a/1.mp4",
    "a/x 2.MP4",
    "a/live.m3u8",
    "a/b/中+%41.mov",
    "b/1.mp4",
    "b/x.mp4",
    "b/note.txt",
    LONG,
)
OUTAGES = {
    "account": AccountRefused("no permission", hint="grant it"),
    "bucket": BucketRefused("not added", hint="add it"),
    "network": Unreachable("no route"),
}
PLACES = (
    "before the commit",
    "after the commit",
    "before the effect",
    "after the effect",
    "page",
    "statement",
    "wait",
)

keys = st.sampled_from(KEYS)
some_keys = st.lists(keys, min_size=1, max_size=len(KEYS), unique=True)
watch = st.builds(
    WatchAs,
    st.sampled_from(["one", "two", "three"]),
    st.sampled_from(["", "a", "a/", "a/b/", "b/"]),
    st.sampled_from([*RULES]),
    st.sampled_from(["", "{}"]),
    st.sampled_from(["all", "all", "now"]),
)
watches = st.lists(watch, min_size=1, max_size=3, unique_by=lambda each: each.name)
faults = st.lists(st.sampled_from(["", *FAULTS]), max_size=4)
outages = st.sampled_from(["", "", "", *OUTAGES])
listing_faults = st.one_of(
    st.just(("", 0)),
    st.tuples(st.sampled_from(["once", "error", "cut", "empty", "stop"]), st.integers(0, 2)),
)
