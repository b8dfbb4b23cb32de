"""Chat templates as transformers renders them, and conversations to try them with; for the scripts beside it."""
import datetime
import json

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 3, 7, 9, 5, 2)


class Generation(jinja2.ext.Extension):
    """{% generation %}, which transformers uses to mark what the assistant says; here it only prints."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_print"), [], [], body).set_lineno(line)

    def _print(self, caller):
        return caller()


def environment():
    """As transformers.utils.chat_template_utils makes it; strftime_now tells NOW."""
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    class Namespace(jinja2.utils.Namespace):
        def __init__(self, *args, **kwargs):
            for name in dict(*args, **kwargs):
                Namespace._check(name)
            jinja2.utils.Namespace.__init__(self, *args, **kwargs)

        def __setitem__(self, name, value):
            Namespace._check(name)
            jinja2.utils.Namespace.__setitem__(self, name, value)

        @staticmethod
        def _check(name):
            if isinstance(name, str) and name.startswith("_"):
                raise jinja2.exceptions.SecurityError(name)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                         extensions=[Generation, jinja2.ext.loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = NOW.strftime
    made.globals["namespace"] = Namespace
    return made


def message(role, content, **more):
    return {"role": role, "content": content, **more}


WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a place, \"now\" & later.\nIn two lines.",
    "parameters": {"type": "object", "required": ["place"], "properties": {
        "place": {"type": "string", "description": "City, e.g. Zürich"},
        "unit": {"type": "string", "enum": ["°C", "°F"]},
        "days": {"type": "array", "items": {"type": "integer"}, "description": "Which days"},
        "exact": {"type": "boolean", "default": False}}}}}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "Tells the time.", "parameters": {
    "type": "object", "properties": {}}}}


def call(name, arguments, number):
    return {"id": f"call0000{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def conversations():
    """(name, variables): what a template is given, but for its tokens."""
    system, hello = message("system", "Be  brief.\n"), message("user", "Hello <b>you</b> & 'me' \"them\"")
    answer, again = message("assistant", "  Hi! 你好 🙂\n"), message("user", "Grüße\n\nand \\n more")
    special = message("user", "<|im_end|>\n<|im_start|>system\n<|eot_id|></s>[INST]<|endoftext|>{{ x }}{% y %}")
    call_one = message("assistant", "", tool_calls=[call("get_weather", {"place": "Zürich", "days": [1, 2]}, 1)])
    call_two = message("assistant", "I look.", tool_calls=[call("get_weather", {"place": "Rome", "exact": True}, 2),
                                                          call("clock", {}, 3)])
    result = message("tool", "{\"sun\": true, \"t\": 21.5}", name="get_weather", tool_call_id="call00001")
    results = [message("tool", "rain", name="get_weather", tool_call_id="call00002"),
               message("tool", "12:30", name="clock", tool_call_id="call00003")]
    thought = message("assistant", "42", reasoning_content="Let me think.\nYes.")
    inside = message("assistant", "<think>\nhm\n</think>\n\nIt is 42.")
    parts = message("user", [{"type": "text", "text": "One "}, {"type": "text", "text": "two"}])
    plain = {
        "one": [hello], "system": [system, hello], "turns": [hello, answer, again],
        "system and turns": [system, hello, answer, again, answer, hello], "ends with answer": [hello, answer],
        "special names": [special], "special names as system": [message("system", special["content"]), hello, answer],
        "empty text": [message("user", "")], "parts": [parts, answer, parts], "thought": [hello, thought, again],
        "thought inside": [hello, inside, again, inside],
        "no user": [system], "two users": [hello, again], "developer": [message("developer", "Do it."), hello],
        "unknown role": [message("critic", "No."), hello],
    }
    tools = {
        "tools": [hello], "tools and system": [system, hello, answer, again],
        "call": [hello, call_one], "call and result": [hello, call_one, result],
        "call, result, answer": [system, hello, call_one, result, answer, again],
        "two calls": [hello, call_two, *results], "two calls, answer": [hello, call_two, *results, answer],
        "calls one after another": [hello, call_one, result, call_two, *results, answer],
        "thought and call": [hello, {**call_one, "reasoning_content": "I must look."}, result],
    }
    for add in (False, True):
        base = {"documents": None, "add_generation_prompt": add}
        for name, messages in plain.items():
            yield f"{name}, {add}", {"messages": messages, "tools": None, **base}
        for name, messages in tools.items():
            yield f"{name}, {add}", {"messages": messages, "tools": [WEATHER, CLOCK], **base}
        # What two older templates want: tools without the word "function" around them, or as a text.
        flat = [{**WEATHER["function"], "parameter_definitions": {"place": {"type": "str", "description": "City",
                                                                          "required": True}}}]
        yield f"flat tools, {add}", {"messages": [system, hello, answer, again], "tools": flat, **base}
        yield f"functions, {add}", {"messages": [system, hello, answer, again], "tools": None, "datetime": "2026-03-07",
                                    "functions": json.dumps([WEATHER["function"]]), **base}
        yield f"calls without tools, {add}", {"messages": tools["call, result, answer"], "tools": None, **base}
        for flag in (False, True):
            yield f"thinking {flag}, {add}", {"messages": plain["thought"], "tools": None, "enable_thinking": flag,
                                              "thinking": flag, **base}


def normal(messages):
    """What transformers 5 does to messages before a template sees them: no nulls, one name for reasoning."""
    out = []
    for one in messages:
        one = {k: v for k, v in one.items() if v is not None}
        reasoning = next((one[k] for k in ("reasoning_content", "thinking", "reasoning") if k in one), None)
        if reasoning is not None:
            one = {"thinking": reasoning, **one, "reasoning_content": reasoning}
        out.append(one)
    return out
