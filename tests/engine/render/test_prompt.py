"""The prompt of a request, by the path of its model."""

from __future__ import annotations

import json

import pytest

from ollama_simulator.engine.render.prompt import prompt
from ollama_simulator.engine.render.tokens import tokens
from ollama_simulator.engine.text import prompt_tokens
from ollama_simulator.model import Infer, Message, Model, Origin, Refusal, Tool, ToolCall
from tests.engine.render.models import INSERTION, TOOLS, a_model, chat, generate

WEATHER = Tool(
    "get_weather",
    source='{"type":"function","function":{"name":"get_weather","description":"w","parameters":'
    '{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}}}',
)
DUMP = "PROMPT {{ messages | tojson(sort_keys=true) }}"


def text(model: Model, job: Infer, context: int = 4096) -> str:
    """What the model reads."""
    return prompt(model, job, context).text


# --- Go templates, a round at a time ------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (chat("hi"), "USER: hi\nASSISTANT: "),
        (chat(Message("system", "S"), Message("user", "hi")), "S\nUSER: hi\nASSISTANT: "),
        (chat("a", "b", "c"), "USER: a\nASSISTANT: bUSER: c\nASSISTANT: "),
        (chat("a", "b"), "USER: a\nASSISTANT: b"),
        (chat(Message("user", "a"), Message("user", "b")), "USER: a\n\nb\nASSISTANT: "),
        (
            chat("a", "b", Message("system", "S"), Message("user", "c")),
            "USER: a\nASSISTANT: bS\nUSER: c\nASSISTANT: ",
        ),
        (
            chat(Message("user", "a"), Message("system", "S")),
            "USER: a\nASSISTANT: S\nUSER: \nASSISTANT: ",
        ),
        (chat("a", Message("tool", "r"), Message("other", "x")), "USER: a\nASSISTANT: "),
        (generate("hi"), "USER: hi\nASSISTANT: "),
        (generate("a<b", system="S"), "S\nUSER: a<b\nASSISTANT: "),
        (generate("x", template="{{ .Prompt }}"), "x"),
        (generate("x", template="{{ .Nope }}"), "<no value>"),
        (generate("x", template="[{{ .Prompt }}] {{ .Response }} bye"), "[x] "),
        (generate("x", template="{{ range .Messages }}{{ .Role }}={{ .Content }};{{ end }}",
                  system="S"),
         "system=S;user=x;"),
        (generate("x", raw=True), "x"),
    ],
)  # fmt: skip
def test_rounds(job: Infer, expected: str) -> None:
    """System, prompt and answer of each round; the last one ends where the answer begins."""
    assert text(a_model(), job) == expected


def test_what_follows_the_answer_is_for_past_rounds() -> None:
    """The end mark of an answer isn't in the prompt for it."""
    model = a_model("<u>{{ .Prompt }}</u>{{ if .Response }}<a>{{ .Response }}</a>{{ end }}?")
    assert text(model, chat("a", "b", "c")) == "<u>a</u><a>b</a>?<u>c</u>"
    assert text(model, chat("a", "b")) == "<u>a</u><a>b"


def test_the_model_brings_turns() -> None:
    """Its system prompt and its messages come before the request's."""
    model = a_model(
        system="Be\nbrief.", messages=(Message("user", "hi"), Message("assistant", "yo"))
    )
    expected = "Be\nbrief.\nUSER: hi\nASSISTANT: yoUSER: x\nASSISTANT: "
    assert text(model, chat("x")) == expected
    assert text(model, generate("x")) == expected
    assert text(model, generate("x", system="Own.")) == expected.replace("Be\nbrief.", "Own.")
    own = chat(Message("system", "Own."), Message("user", "x"))
    assert text(model, own) == "USER: hi\nASSISTANT: yoOwn.\nUSER: x\nASSISTANT: "
    assert text(model, generate("x", raw=True)) == "x"


# --- Go templates with all messages -------------------------------------------------------


def test_tools() -> None:
    """Each prints as its JSON."""
    assert text(a_model(TOOLS), chat("hi", tools=(WEATHER,))) == (
        f"<|im_start|>system\n\n{WEATHER.source}Call as <tool_call><|im_end|>\n"
        "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_tool_as_a_template_spells_it() -> None:
    """Parameters sorted, the description there even if it is empty, safe inside HTML."""
    tool = Tool(
        "f",
        source='{"type":"function","items":[1],"function":{"name":"f","parameters":{"type":"object",'
        r'"$defs":{"z":1},"properties":{"b":{"type":"string","description":"\u003c"},"a":{}}}}}',
    )
    bare = Tool("g", source='{"type":"function","function":{"name":"g","parameters":{"type":""}}}')
    said = text(a_model("{{ range .Messages }}{{ end }}{{ .Tools }}"), chat("", tools=(tool, bare)))
    assert said == (
        '[{"type":"function","items":[1],"function":{"name":"f","description":"","parameters":'
        '{"type":"object","$defs":{"z":1},"properties":'
        r'{"a":{},"b":{"type":"string","description":"\u003c"}}}}},'
        '{"type":"function","function":{"name":"g","description":"","parameters":'
        '{"type":"","properties":null}}}]'
    )


def test_calls_results_and_thoughts() -> None:
    """A history with a call of a tool."""
    call = ToolCall("f", r'{"b":"\u003c","a":{"d":1,"c":2.5}}', "call_1")
    job = chat(
        "hi",
        Message("assistant", "", thinking="Hm", tool_calls=(call,)),
        Message("tool", "r1"),
        Message("tool", "r2"),
    )
    assert text(a_model(TOOLS), job) == (
        "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>Hm</think>\n<tool_call>\n"
        r'{"name": "f", "arguments": {"a":{"c":2.5,"d":1},"b":"\u003c"}}'
        "\n</tool_call><|im_end|>\n<|im_start|>tool\nr1<|im_end|>\n<|im_start|>tool\nr2<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_the_fields_of_a_tool() -> None:
    """Templates in the wild walk through parameters."""
    template = (
        "{{ range .Tools }}{{ .Type }} {{ .Function.Name }}: {{ .Function.Description }} "
        "{{ .Function.Parameters.Type }} {{ .Function.Parameters.Required }} "
        "{{ range $name, $p := .Function.Parameters.Properties }}{{ $name }} {{ $p.Type }} "
        "{{ toTypeScriptType $p }}{{ end }} {{ .Function.Parameters.Properties }}{{ end }}"
        "{{ range .Messages }}{{ end }}"
    )
    assert text(a_model(template), chat("hi", tools=(WEATHER,))) == (
        'function get_weather: w object [city] city string string {"city":{"type":"string"}}'
    )


@pytest.mark.parametrize(
    ("think", "capabilities", "expected"),
    [
        (None, ("completion",), "false  false"),
        (None, ("completion", "thinking"), "true medium true"),
        (True, ("completion", "thinking"), "true medium true"),
        (False, ("completion",), "false  true"),
        ("low", ("completion", "thinking"), "true low true"),
    ],
)
def test_thinking(think: bool | str | None, capabilities: tuple[str, ...], expected: str) -> None:
    """Whether, how much, and whether anybody said so."""
    model = a_model("{{ .Think }} {{ .ThinkLevel }} {{ .IsThinkSet }}", capabilities=capabilities)
    assert text(model, chat("hi", think=think)) == expected


def test_old_thoughts_of_some_models_are_forgotten() -> None:
    """Before the last question, what stands between the marks is left out."""
    job = chat("a", "<think>\nHm\n</think>\n\nb", "c", "<think>Oh</think>d")
    model = Model(
        "m", 1, "", "qwen3", "", "", template="{{ range .Messages }}{{ .Content }}|{{ end }}"
    )
    assert text(model, job) == "a|b|c|<think>Oh</think>d|"
    assert (
        text(a_model(model.template), job) == "a|<think>\nHm\n</think>\n\nb|c|<think>Oh</think>d|"
    )


# --- what else decides a prompt -----------------------------------------------------------


def test_insertion() -> None:
    """A suffix has the template print what stands around the gap."""
    model = a_model(INSERTION, capabilities=("completion", "insert"))
    assert text(model, generate("a", suffix="b")) == "<PRE>a<SUF>b<MID>"
    assert text(model, generate("a")) == "a"


def test_pictures_have_marks() -> None:
    """Numbered through the conversation, in front of the text or where it says."""
    model = a_model(capabilities=("completion", "vision"))
    job = generate("x", images=(b"1",))
    assert text(model, job) == "USER: [img-0]x\nASSISTANT: "
    assert prompt(model, job, 4096).images == 1
    one, two = (
        Message("user", "x", images=(b"1",)),
        Message("user", "a [img] b", images=(b"2", b"3")),
    )
    assert text(model, chat(one, "y", two)) == (
        "USER: [img-0]x\nASSISTANT: yUSER: [img-2]a [img-1] b\nASSISTANT: "
    )


def test_a_context_is_what_was_said_before() -> None:
    """It stands in front of the prompt, in place of the model's own messages."""
    model = a_model(messages=(Message("user", "own"),))
    before = tokens(model, "USER: hi\nASSISTANT: yo")
    read = prompt(model, generate("x", context=before), 4096)
    assert read.text == "USER: hi\nASSISTANT: yoUSER: x\nASSISTANT: "
    assert read.tokens[:3] == ("USER", ":", " ")
    assert read.tokens[-2:] == ("<|user|>", "x")


def test_the_tokens_are_those_of_the_messages() -> None:
    """What is counted, cached and answered depends on what was said, not on marks around it."""
    model = a_model(system="S")
    job = chat("hi you")
    assert prompt(model, job, 4096).tokens == tuple(
        prompt_tokens([Message("system", "S"), Message("user", "hi you")])
    )
    assert prompt(model, generate("hi you"), 4096).tokens == prompt(model, job, 4096).tokens


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ .Prompt", "template: :1: unclosed action"),
        ("{{ foo }}", 'template: :1: function "foo" not defined'),
        ('{{ template "x" }}', "undefined template specified"),
        ("a\n{{ if }}", "template: :2: missing value for if"),
        ("{{ .Prompt.X }}", 'template: :1:10: executing "" at <.Prompt.X>: '
         "can't evaluate field X in type interface {}"),
    ],
)  # fmt: skip
def test_a_bad_template_of_a_request(template: str, message: str) -> None:
    """Go's words, with status 500."""
    with pytest.raises(Refusal) as caught:
        prompt(a_model(), generate("x", template=template), 4096)
    assert (caught.value.status, caught.value.message) == (500, message)
    assert caught.value.origin is Origin.HANDLER


# --- Jinja --------------------------------------------------------------------------------


def test_jinja() -> None:
    """A model from a weight file has its own template; blocks leave no blank lines."""
    model = a_model(
        "{% for m in messages %}\n  {% if loop.first %}\n^{% endif %}\n"
        "<{{ m.role }}>{{ m['content'] | trim }}\n{% endfor %}\n"
        "{% if tools %}{{ tools | tojson }}{% endif %}{{ enable_thinking is defined }}",
        path="native",
    )
    assert text(model, chat(" hi ")) == "^<user>hi\nFalse"
    assert text(model, chat("hi", tools=(WEATHER,), think=True)) == (
        "^<user>hi\n[" + WEATHER.source.replace(",", ", ").replace(":", ": ") + "]True"
    )


def test_jinja_counts() -> None:
    """Loops know their length, products that are short are made."""
    model = a_model(
        "{% for m in messages if m.content recursive %}{{ loop.index }}/{{ loop.length }}"
        "{{ '=' * 3 }}{{ 2 ** 3 }}{{ 2 * 3 }}{% if loop.last %}.{% endif %}{% endfor %}",
        path="native",
    )
    assert text(model, chat("hi")) == "1/1===86."


def test_the_template_of_the_runner_wins() -> None:
    """What a model shows may be another one."""
    model = a_model("{{ messages }}", path="native", runner_template=DUMP)
    assert text(model, chat("hi")) == 'PROMPT [{"content": "hi", "role": "user"}]'
    assert text(model, generate("x<é")) == 'PROMPT [{"content": "x<é", "role": "user"}]'


def test_jinja_messages() -> None:
    """Calls and results have the names that templates in the wild use; thoughts are left out."""
    call = ToolCall("f", '{"a":1}', "id1")
    job = chat("hi", Message("assistant", "", thinking="Hm", tool_calls=(call,)),
               Message("tool", "r", tool_name="f", tool_call_id="id1"))  # fmt: skip
    model = a_model(path="native", runner_template="{{ messages[1:] | tojson }}")
    assert text(model, job) == (
        '[{"role": "assistant", "content": "", "tool_calls": '
        '[{"id": "id1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]}, '
        '{"role": "tool", "content": "r", "name": "f", "tool_call_id": "id1"}]'
    )


def test_a_model_without_a_template_of_its_own() -> None:
    """The default frames each turn."""
    assert (
        text(a_model("{{ .Prompt }}", path="native"), chat("hi")) == "<|user|>\nhi\n<|assistant|>\n"
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('No system, please') }}", "No system, please"),
        ("{% if %}", "Expected an expression, got 'end of statement block'"),
        ("{{ messages[0].content + 1 }}", 'can only concatenate str (not \\"int\\") to str'),
        (
            "{{ ''.__class__.__mro__ }}",
            "access to attribute '__class__' of 'str' object is unsafe.",
        ),
        ("{{ 1 / 0 }}", "division by zero"),
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            "no end after 1000000 turns",
        ),
        ("{{ messages[0].content * 9999999999 }}", "the result is too long"),
        ("{{ [1] * 9999999999 }}", "the result is too long"),
        ("{{ messages | length ** 9999999999 }}", "the result is too long"),
    ],
)
def test_a_template_that_fails(template: str, message: str) -> None:
    """The runner's JSON is the text of the error."""
    with pytest.raises(Refusal) as caught:
        prompt(a_model(template, path="native"), chat("hi"), 4096)
    said = f'{{"error":{{"code":500,"message":"{message}","type":"server_error"}}}}'
    assert (caught.value.status, caught.value.message) == (500, said)


# --- built in -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("think", "opening"),
    [(None, "<think>\n"), (True, "<think>\n"), (False, "<think>\n\n</think>\n\n")],
)
def test_a_parser_model_thinks_or_not(think: bool | None, opening: str) -> None:
    """The answer is begun for it."""
    model = a_model(
        "{{ .Prompt }}", path="parser", renderer="qwen3.5", capabilities=("completion", "thinking")
    )
    expected = f"<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n{opening}"
    assert (
        text(model, chat("x", think=think)) == text(model, generate("x", think=think)) == expected
    )


def test_a_parser_model_with_tools() -> None:
    """They are told in the first turn, and calls and results in theirs."""
    model = a_model("{{ .Prompt }}", path="parser", capabilities=("completion", "thinking"))
    calls = (ToolCall("f", '{"a":1,"b":"x\\u003c"}'), ToolCall("g", "{}"))
    job = chat(
        Message("system", " S "),
        Message("user", "hi"),
        Message("assistant", "ok", thinking="Hm", tool_calls=calls),
        Message("tool", "r1"),
        Message("tool", "r2"),
        tools=(WEATHER,),
    )
    said = text(model, job)
    assert said.startswith("<|im_start|>system\n")
    spaced = WEATHER.source.replace('":', '": ').replace(',"', ', "')
    assert f"\n{spaced}\n" in said
    assert said.endswith(
        "\n\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
        "<|im_start|>assistant\n<think>\nHm\n</think>\n\nok\n\n"
        "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n"
        "<parameter=b>\nx<\n</parameter>\n</function>\n</tool_call>\n"
        "<tool_call>\n<function=g>\n</function>\n</tool_call><|im_end|>\n"
        "<|im_start|>user\n<tool_response>\nr1\n</tool_response>"
        "\n<tool_response>\nr2\n</tool_response><|im_end|>\n<|im_start|>assistant\n<think>\n"
    )


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (
            chat("a", Message("assistant", "b", thinking="Hm"), "c"),
            "u a|A b|u c|<|im_start|>assistant\n<think>\n",
        ),
        (
            chat("a", "<think>Hm</think>\n\nb", "c", think=False),
            "u a|A b|u c|<|im_start|>assistant\n<think>\n\n</think>\n\n",
        ),
        (
            chat("<tool_response>x</tool_response>", Message("assistant", "b", thinking="Hm"), "c"),
            "u <tool_response>x</tool_response>|A b|u c|<|im_start|>assistant\n<think>\n",
        ),
        (
            chat("a", Message("assistant", "b", thinking="Hm"), "<tool_response>x</tool_response>"),
            "u a|A <think>\nHm\n</think>\n\nb|u <tool_response>x</tool_response>"
            "|<|im_start|>assistant\n<think>\n",
        ),
        (
            chat(Message("system", " "), Message("user", "a")),
            "s |u a|<|im_start|>assistant\n<think>\n",
        ),
        (chat(" a\n", "b"), "u a|<|im_start|>assistant\n<think>\n\n</think>\n\nb"),
        (
            chat("a", "<think>\nHm\n</think>b"),
            "u a|<|im_start|>assistant\n<think>\nHm\n</think>\n\nb",
        ),
        (
            chat(Message("system", "S"), Message("system", "T"), Message("odd", "x"), think=False),
            "s S|s T|<|im_start|>assistant\n<think>\n\n</think>\n\n",
        ),
    ],
)
def test_what_an_answer_thought(job: Infer, expected: str) -> None:
    """It is shown after the last question; an answer at the end is to be continued."""
    model = a_model("{{ .Prompt }}", path="parser", capabilities=("completion", "thinking"))
    said = text(model, job).replace("<|im_end|>\n", "|")
    for short, role in {"u": "user", "s": "system", "A": "assistant"}.items():
        said = said.replace(f"<|im_start|>{role}\n", f"{short} ")
    expected = expected.replace("<|im_start|>assistant\n", "A ")
    assert said == expected


def test_tools_take_no_turn_away() -> None:
    """Where the first is no system prompt."""
    model = a_model("{{ .Prompt }}", path="parser")
    said = text(model, chat("hi", tools=(WEATHER,)))
    assert said.endswith(
        "</tools><|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_harmony() -> None:
    """Turns are in channels."""
    model = a_model("{{ .Prompt }}", path="harmony", capabilities=("completion", "thinking"))
    call = ToolCall("f", '{"a":1}')
    job = chat("hi", Message("assistant", "", thinking="Hm", tool_calls=(call,)),
               Message("tool", "r", tool_name="f"), tools=(WEATHER,), think="max")  # fmt: skip
    said = text(model, job)
    assert said.startswith("<|start|>system<|message|>Reasoning: high<|end|><|start|>developer")
    assert said.endswith(
        "<|start|>user<|message|>hi<|end|><|start|>assistant<|channel|>analysis<|message|>Hm<|end|>"
        '<|start|>assistant<|channel|>commentary to=functions.f<|message|>{"a":1}<|call|>'
        "<|start|>functions.f to=assistant<|message|>r<|end|><|start|>assistant"
    )


def test_a_harmony_model_may_have_a_go_template() -> None:
    """As the one in Ollama's library has."""
    model = a_model("<|start|>{{ .Prompt }}", path="harmony")
    assert text(model, chat("hi")) == "<|start|>hi"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("null", "null"),
        ("true", "true"),
        ("1000000", "1e+06"),
        ("2.5", "2.5"),
        ('"x"', "x"),
        ('["x"]', '["x"]'),
    ],
)
def test_an_argument_of_a_call_in_its_turn(value: str, told: str) -> None:
    """Texts are bare, lists and objects JSON, numbers as fmt prints them."""
    model = a_model("{{ .Prompt }}", path="parser", renderer="qwen3.5")
    call = ToolCall("f", f'{{"a":{value}}}')
    said = text(model, chat("x", Message("assistant", "", tool_calls=(call,)), "y"))
    assert f"<parameter=a>\n{told}\n</parameter>" in said


def test_a_renderer_that_nobody_knows() -> None:
    """It is only missed when something has to be rendered."""
    model = a_model("{{ .Prompt }}", path="parser", renderer="x")
    with pytest.raises(Refusal) as caught:
        text(model, chat("x"))
    assert (caught.value.status, caught.value.message) == (500, 'unknown renderer "x"')
    assert text(model, generate("hi", raw=True)) == "hi"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("hi", "[img-0][img-1] hi"),
        (" hi", "[img-0][img-1] hi"),
        ("", "[img-0][img-1]"),
        ("a [img] b", "[img-1] a [img-0] b"),
        ("see [img-7]", "see [img-7]"),
    ],
)
def test_marks_of_a_renderer(content: str, told: str) -> None:
    """A blank sets them off, and a text that has some gets no more."""
    model = a_model("{{ .Prompt }}", path="parser", renderer="qwen3.5")
    pictures = (b"1", b"2")
    made = prompt(model, chat(Message("user", content, images=pictures)), 4096)
    assert made.text.startswith(f"<|im_start|>user\n{told}<|im_end|>")
    assert made.images == 2


def test_what_is_sent_to_a_runner_that_renders() -> None:
    """Pictures and sounds as parts, arguments as text; its own template gets marks and objects."""
    call = ToolCall("f", '{"b":1,"a":"\\u003c"}', index=1)
    named = ToolCall("g", "{}", id="i")
    picture = Message("user", "q", images=(b"GIF89a", b"hello", b"ID3", b"RIFF1234WAVE"))
    turns = (
        Message("user", "é", tool_name="t", tool_call_id="c"),
        picture,
        Message("assistant", "", thinking="Hm", tool_calls=(call, named)),
    )
    dump = "{{ sent | tojson }}\n{{ messages | tojson }}"
    model = a_model(path="native", runner_template=dump)
    sent, shown = map(json.loads, text(model, chat(*turns)).split("\n"))
    assert sent == [
        {"role": "user", "content": "é", "name": "t", "tool_call_id": "c"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "q"},
                {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlh"}},
                {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,aGVsbG8="}},
                {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
                {
                    "type": "input_audio",
                    "input_audio": {"data": "UklGRjEyMzRXQVZF", "format": "wav"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "index": 1,
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"b":1,"a":"\\u003c"}'},
                },
                {
                    "id": "i",
                    "index": 0,
                    "type": "function",
                    "function": {"name": "g", "arguments": "{}"},
                },
            ],
        },
    ]
    assert shown[1]["content"] == "[img-0][img-1][img-2][img-3]q"
    assert shown[2]["tool_calls"][0]["function"] == {"name": "f", "arguments": {"b": 1, "a": "<"}}
    asked = Infer("m", kind="generate", prompt="q", images=(b"1",))
    made = prompt(model, asked, 4096)
    assert json.loads(made.text.split("\n")[0]) == [{"role": "user", "content": "[img-0]q"}]
    assert made.images == 1


@pytest.mark.parametrize(
    ("systems", "newest", "first"),
    [
        (3, ("user",), "1\n\n2\n\n3"),
        (3, ("system",), "1\n\n2\n\n3\n\nz"),
        (1, ("user",), "1"),
        (2, ("user",), "1"),
        (4, ("user",), "1"),
        (5, ("user",), "1\n\n2\n\n3\n\n4\n\n5"),
    ],
)
def test_what_the_system_said_twice(systems: int, newest: tuple[str, ...], first: str) -> None:
    """Where there is space behind what it said, that is joined before it is joined."""
    said = [Message("system", str(i + 1)) for i in range(systems)]
    turns = (*said, Message("user", "long " * 99), *(Message(role, "z") for role in newest))
    model = a_model(
        "{{ .System }}|{{ range .Messages }}{{ .Content }}{{ end }}", tokenizer="quarters"
    )
    rest = [str(i + 2) for i in range(systems - 1)] + ["z"] * newest.count("system")
    expected = "\n\n".join([first, *rest])
    assert text(model, chat(*turns), 8).partition("|")[0] == expected


def test_a_runner_without_a_template_of_its_own() -> None:
    """It renders chats; a prompt of `/api/generate` is what the bare template of Go makes of it."""
    model = a_model("{{ .Prompt }}", path="native")
    assert text(model, generate("hi")) == "hi"
    assert text(model, chat("hi")) == "<|user|>\nhi\n<|assistant|>\n"


def test_a_parser_without_a_renderer() -> None:
    """Its model has the template that it shows."""
    assert text(a_model("{{ .Prompt }}!", path="parser", parser="qwen3"), chat("hi")) == "hi!"
    assert text(a_model("{{ .Prompt }}", path="parser", parser="qwen3"), chat("hi")) == "hi"


def test_a_renderer_that_lets_think() -> None:
    """Whether its model can or not, unless a request says otherwise."""
    model = a_model("{{ .Prompt }}", path="parser", renderer="qwen3.5")
    assert text(model, chat("x")).endswith("<|im_start|>assistant\n<think>\n")
    assert text(model, chat("x", think=False)).endswith("<think>\n\n</think>\n\n")
    other = a_model("{{ .Prompt }}", path="parser", renderer="qwen3-coder")
    assert text(other, chat("x")).endswith("<|im_start|>assistant\n")


def test_pictures_of_lost_turns() -> None:
    """They are lost too, even those of what the system said; a runner that renders gets all."""
    turns = (
        Message("system", "S", images=(b"1",)),
        Message("user", "long " * 99, images=(b"2",)),
        Message("user", "z", images=(b"3",)),
    )
    made = prompt(a_model(tokenizer="quarters"), chat(*turns), 16)
    assert (made.text, made.images) == ("S\nUSER: [img-0]z\nASSISTANT: ", 1)
    native = a_model(path="native", runner_template="{{ sent | length }}", tokenizer="quarters")
    assert prompt(native, chat(*turns), 16).images == 3


def test_a_context_of_no_tokens() -> None:
    """It stands for what the model itself would have said before."""
    model = a_model("{{ .Prompt }}", messages=(Message("user", "hi"), Message("assistant", "yo")))
    assert text(model, generate("x")) == "hiyox"
    assert text(model, generate("x", context=())) == "x"
