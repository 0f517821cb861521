"""RegisterMedia: up to ten media of one bucket in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aliyunsdkvod.request.v20170321.RegisterMediaRequest import RegisterMediaRequest

from watcher.errors import Unanswered
from watcher.model import Accepted, BatchResult, Failure, Outcome, Refused, Unknown
from watcher.rules.batching import metadatas
from watcher.rules.file_url import Matcher
from watcher.vod.faults import UnknownOutcome, read, request_id_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.model import CallOptions, Media
    from watcher.vod.client import VodClient


class VodRegistrar:
    """`ports.Registrar` over VOD."""

    def __init__(self, client: VodClient, *, in_body: bool) -> None:
        self._client = client
        self._in_body = in_body

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        try:
            answer = read(self._client.call(self._request(batch, options)))
        except UnknownOutcome as doubt:
            hint = "The files are asked again; VOD registers each once."
            return BatchResult(
                outcomes={media.key: Unknown(message=str(doubt)) for media in batch},
                request_id=doubt.request_id,
                error=Unanswered(str(doubt), hint=hint, request_id=doubt.request_id),
            )
        return BatchResult(outcomes=_outcomes(batch, answer), request_id=request_id_of(answer))

    def _request(self, batch: Sequence[Media], options: CallOptions) -> RegisterMediaRequest:
        request = RegisterMediaRequest()
        if self._in_body:
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


def _outcomes(batch: Sequence[Media], answer: dict[str, Any]) -> dict[str, Outcome]:
    """Match the answer's lists with what was asked; what is in neither is `Unknown`."""
    matcher = Matcher({media.file_url: media.key for media in batch})
    outcomes: dict[str, Outcome] = {
        media.key: Unknown(message="VOD's answer does not mention this file", unmentioned=True) for media in batch
    }
    for url in _list(answer, "FailedFileURLs"):
        key = matcher.key_of(str(url))
        if key is not None:
            outcomes[key] = Refused(reason=Failure.REFUSED, message="VOD refused this file and gave no reason")
    for item in _list(answer, "RegisteredMediaList"):
        key = matcher.key_of(str(item.get("FileURL"))) if isinstance(item, dict) else None
        media_id = item.get("MediaId") if key is not None else None
        if key is not None and isinstance(media_id, str) and media_id.strip() and media_id.isprintable():
            outcomes[key] = Accepted(media_id=media_id, new_register=_flag(item.get("NewRegister")))
    return outcomes


def _list(answer: dict[str, Any], name: str) -> list[Any]:
    found = answer.get(name)
    return found if isinstance(found, list) else []


def _flag(value: object) -> bool:
    return value is True or str(value).lower() == "true"
