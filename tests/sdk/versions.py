"""What the majors of the SDKs name differently, by the newest one's names."""

import anthropic
import openai

# Before 2.0, one with another name.
ContentTooLargeError = getattr(anthropic, "ContentTooLargeError", anthropic.RequestTooLargeError)
# Before 2.0, 504 was what other failures are.
GatewayTimeoutError = getattr(anthropic, "GatewayTimeoutError", anthropic.InternalServerError)

IS_NEWEST = hasattr(anthropic, "ContentTooLargeError")


def transport_error(client: type) -> type[Exception]:
    """How the HTTP client behind an SDK says that a connection was lost, which SDKs pass on within a stream."""
    library = __import__(client.__mro__[1].__module__.partition(".")[0])
    return library.TransportError


# How a broken stream ends: an error event in the SDK's own class, a lost connection in that of its HTTP client.
BROKEN_MESSAGE = (anthropic.APIError, transport_error(anthropic.DefaultHttpxClient))
BROKEN_CHAT = (openai.APIError, transport_error(openai.DefaultHttpxClient))


def error_of(raised: anthropic.APIStatusError) -> dict:
    """The error object that Anthropic's SDK was given, which only the newest one takes apart itself."""
    return raised.body["error"]


def code_of(raised: anthropic.APIStatusError) -> str | None:
    """The machine-readable code, if there is one."""
    code = error_of(raised).get("details", {}).get("error_code")
    if IS_NEWEST:
        assert raised.error_code in (code, error_of(raised)["type"]), raised
    return code
