"""A provider that fails once and then answers, for any SDK. The simulator does what a prompt orders each time it reads
it, so the order of a call to fail is changed on the way of the second attempt, by a hook of the SDK's HTTP client."""

FAILS = "error={status}"
ANSWERS = "output=20"


def once_failing(http_client: type, status: int) -> object:
    """An HTTP client for the SDK, one of its own class."""
    failing = FAILS.format(status=status)
    # Equally long, since the length of the body is told before.
    answering = ANSWERS[: len(failing)]
    assert len(answering) == len(failing)

    def change(request: object) -> None:
        if request.headers["x-stainless-retry-count"] != "0":
            body = request.read().replace(failing.encode(), answering.encode())
            request.stream = type(request.stream)(body)

    return http_client(event_hooks={"request": [change]})
