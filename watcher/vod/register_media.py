"""RegisterMedia: up to ten media of one bucket in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aliyunsdkvod.request.v20170321.RegisterMediaRequest import RegisterMediaRequest

from watcher.errors import BodyRefused, Unanswered
from watcher.model import NOT_MENTIONED, Accepted, BatchResult, Failure, Outcome, Refused, Unknown
from watcher.rules.batching import metadatas
from watcher.rules.file_url import Matcher
from watcher.uploads.results import RegisteredMedia, Registration
from watcher.vod.error_codes import UnknownOutcome, read, request_id_of
from watcher.vod.single_call import unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from watcher.model import CallOptions, Media
    from watcher.vod.client import VodClient
    from watcher.vod.single_call import SingleCalls

_REFUSED = Refused(reason=Failure.REFUSED, message="VOD refused this file and gave no reason")
_UNMENTIONED = Unknown(message=NOT_MENTIONED, unmentioned=True)


class VodRegistrar:
    """`ports.Registrar` over VOD."""

    def __init__(self, client: VodClient) -> None:
        self._client = client

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        try:
            answer = read(self._client.call(self._request(batch, options)))
        except UnknownOutcome as unknown:
            hint = "The program sends the files again. VOD registers each of them once."
            error = BodyRefused if options.in_body and unknown.refused else Unanswered
            return BatchResult(
                outcomes={media.key: Unknown(message=str(unknown)) for media in batch},
                request_id=unknown.request_id,
                error=error(str(unknown), hint=hint, request_id=unknown.request_id),
            )
        return BatchResult(outcomes=_outcomes(batch, answer), request_id=request_id_of(answer))

    def _request(self, batch: Sequence[Media], options: CallOptions) -> RegisterMediaRequest:
        request = RegisterMediaRequest()
        if options.in_body:
            request.add_body_params("RegisterMetadatas", metadatas(batch))
        else:
            request.set_RegisterMetadatas(metadatas(batch))
        if options.template_group_id:
            request.set_TemplateGroupId(options.template_group_id)
        if options.workflow_id:
            request.set_WorkflowId(options.workflow_id)
        if options.user_data:
            request.set_UserData(options.user_data)
        return request


def register_media(
    calls: SingleCalls, batch: Sequence[Media], parameters: Mapping[str, str | int]
) -> Registration:
    """Register up to ten media by a call that stands alone. Their keys are their URLs.

    Raises:
        CloudError: there is no answer, or it is a refusal.
    """
    try:
        answer = calls.ask(
            RegisterMediaRequest(), {"RegisterMetadatas": metadatas(batch), **parameters}
        )
    except UnknownOutcome as unknown:
        raise unanswered(unknown, "Repeat the call: VOD registers each file once.") from None
    outcomes = _outcomes(batch, answer)
    return Registration(
        registered=tuple(
            RegisteredMedia(
                file_url=url, media_id=outcome.media_id, new_register=outcome.new_register
            )
            for url, outcome in outcomes.items()
            if isinstance(outcome, Accepted)
        ),
        failed_file_urls=_urls(outcomes, Refused),
        unmentioned_file_urls=_urls(outcomes, Unknown),
        request_id=request_id_of(answer),
    )


def _urls(outcomes: Mapping[str, Outcome], kind: type[Outcome]) -> tuple[str, ...]:
    return tuple(url for url, outcome in outcomes.items() if isinstance(outcome, kind))


def _outcomes(batch: Sequence[Media], answer: dict[str, Any]) -> dict[str, Outcome]:
    """Return the outcome of each item, from the two lists of the answer.

    An item in neither list, or with contradicting results, is `Unknown`.
    """
    matcher = Matcher({media.file_url: media.key for media in batch})
    failed, registered = _list(answer, "FailedFileURLs"), _list(answer, "RegisteredMediaList")
    said: dict[str, set[Outcome]] = {media.key: set() for media in batch}
    for url in failed:
        key = matcher.key_of(str(url))
        if key is not None:
            said[key].add(_REFUSED)
    for item in registered:
        key = matcher.key_of(str(item.get("FileURL"))) if isinstance(item, dict) else None
        if key is not None and (accepted := _accepted(item)):
            said[key].add(accepted)
    if len(batch) == 1:
        return {batch[0].key: _of_one(said[batch[0].key], failed, registered)}
    return {
        key: next(iter(outcomes)) if len(outcomes) == 1 else _UNMENTIONED
        for key, outcomes in said.items()
    }


def _of_one(said: set[Outcome], failed: list[Any], registered: list[Any]) -> Outcome:
    """Return the outcome of the only item of a call, however the answer spells its URL."""
    accepted = [outcome for outcome in said if isinstance(outcome, Accepted)]
    if len(accepted) == 1:
        return accepted[0]
    if len(registered) == 1 and not failed:
        return _accepted(registered[0]) or _UNMENTIONED
    return _REFUSED if said == {_REFUSED} or (len(failed) == 1 and not registered) else _UNMENTIONED


def _accepted(item: object) -> Accepted | None:
    """Return the outcome in an element of RegisteredMediaList; None if it has no media ID."""
    media_id = item.get("MediaId") if isinstance(item, dict) else None
    if (
        isinstance(item, dict)
        and isinstance(media_id, str)
        and media_id.strip()
        and media_id.isprintable()
    ):
        return Accepted(media_id=media_id, new_register=_flag(item.get("NewRegister")))
    return None


def _list(answer: dict[str, Any], name: str) -> list[Any]:
    found = answer.get(name)
    return found if isinstance(found, list) else []


def _flag(value: object) -> bool:
    return value is True or str(value).lower() == "true"
