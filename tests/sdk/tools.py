"""The tool that models are given, and what the simulator calls it with."""

NAME = "look_up"
DESCRIPTION = "Looks a word up."
PARAMETERS = {
    "type": "object",
    "properties": {"query": {"type": "string"}, "simulated": {"type": "boolean"}},
    "required": ["query"],
}

# What the simulator passes to whichever tool it calls, and to the second call of two at once.
ARGUMENTS = {"simulated": True, "query": "wörld"}
ARGUMENTS_AGAIN = {**ARGUMENTS, "again": 2}

# The word that makes it call one, and the words that make it call two.
PROMPT = "Use the tool, please"
PROMPT_TWICE = "Use the tools twice, please"

# The forms in which the APIs take a tool.
FOR_MESSAGES = {"name": NAME, "description": DESCRIPTION, "input_schema": PARAMETERS}
FOR_CHAT = {"type": "function", "function": {"name": NAME, "description": DESCRIPTION, "parameters": PARAMETERS}}
FOR_RESPONSES = {"type": "function", "name": NAME, "description": DESCRIPTION, "parameters": PARAMETERS, "strict": False}
