"""Backups gone through: is every file what it was when it was made?"""

from typing import Any

from innkeeper.api.messages import HttpError, Request, Response
from innkeeper.api.routing import Route
from innkeeper.commands import backups
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.core import Core

from .access import answer, caller_of, number
from .ports import Contents, ContentUnavailable


class Backups:
    """Verifies backup images."""

    def __init__(self, core: Core, authenticator: Authenticator, contents: Contents) -> None:
        self.core = core
        self.authenticator = authenticator
        self.contents = contents

    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("GET", "/api/v1/images/{image}/verify", self.verify)]

    async def verify(self, request: Request) -> Response:
        """Which increments are damaged."""
        caller = await caller_of(request, self.authenticator)
        image = backups.checkable(self.core.world, caller, number(request, "image"))
        parts = backups.parts(image)
        try:
            damaged: list[dict[str, Any]] = await self.contents.verify(image, parts)
        except ContentUnavailable as problem:
            raise HttpError(409, str(problem)) from None
        return answer({"ok": not damaged, "files": len(parts), "damaged": damaged})
