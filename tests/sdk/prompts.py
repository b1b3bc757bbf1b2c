"""What the tests ask for. Orders to the simulator go into the prompt, as `simulator/src/marker.rs` lists them."""

SONNET = "claude-sonnet-4-6"
HAIKU = "claude-haiku-4-5"


def asking(prompt: str = "Hello there", *, model: str = SONNET, max_tokens: int = 100, **more: object) -> dict:
    """Arguments of `messages.create` for one question."""
    return {"model": model, "max_tokens": max_tokens, "messages": [{"role": "user", "content": prompt}], **more}


def simulating(orders: str, **more: object) -> dict:
    """A question with orders on how to answer it."""
    return asking(ordered(orders), **more)


def ordered(orders: str, prompt: str = "Hello there") -> str:
    """A prompt with orders on how to answer it."""
    return f"{prompt} [[simulate: {orders}]]"
