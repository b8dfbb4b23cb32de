#!/usr/bin/env python3
"""Makes tests/text/fixtures/jinja.json: small templates and what Python's jinja2 prints for them, set up as
transformers does (chat_peer.py). A case is [template, text], or [template, null] where jinja2 fails. All of them are
given the same variables. The same bytes every time.

Example: build/peers/bin/python scripts/peers/make_jinja_golden.py
"""
import json
import pathlib

import chat_peer

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/text/fixtures/jinja.json"

VARIABLES = {
    "s": "  Hello Wörld \n", "e": "", "n": 3, "zero": 0, "f": 2.5, "t": True, "no": False, "nil": None,
    "l": [1, 2, 3, 4, 5], "words": ["pear", "Apple", "fig", "apple"], "nothing": [], "html": "<a> & 'b' \"c\"",
    "d": {"b": 1, "a": {"x": [1, {"y": "z"}]}, "C": None}, "quote": "it's \"so\"\t\\ \u00e9 \x01 \u200b \U0001f600",
    "people": [{"name": "Ann", "age": 31, "tags": ["x", "y"], "on": True}, {"name": "bob", "age": 4, "on": False},
               {"name": "Cy", "age": 31}],
    "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo", "tool_calls": []},
                 {"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "image"}]}],
    "items": {"items": 1, "keys": 2}, "lines": "one\n\n  two\r\nthree\n", "num": " 42 ", "wide": "straße ǆ ΑΣ İ ﬁ",
}

# Tags and white space.
TAGS = r"""
a{{ n }}b
{% if t %}yes{% endif %}
a\n{% if t %}\nb\n{% endif %}\nc
a\n  {% if t %}  \n  b\n  {% endif %}  c
  {% if t %}x{% endif %}
a \n {%- if t -%} \n b {%- endif -%} \n c
a  {{- n -}}  b
  {%+ if t %}x{% endif +%}\ny
x{% if t +%}\ny{% endif %}
a{# note #}b
a\n  {# note #}\nb
a {#- note -#} b
a {#+ note +#}\n b
{# {{ n }} {% x %} #}z
{% raw %}{{ n }} {% if %}{% endraw %}!
a \n {%- raw -%} \n {{ x }} {%- endraw -%} \n b
{{ '}}' }}{{ "%}" }}{{ {'a': 1}['a'] }}
{{ {'a': {'b': 1}}}}
text only\n
two ends\n\n
\n{{ n }}\n
{{n}}{{n}}\n{{n}}
a{%if t%}b{%else%}c{%endif%}d
{%- if no %}1{% elif zero %}2{% elif n %}3{% else %}4{% endif -%}
{% if no %}x{% endif %}\r\ny\rz
\u00a0{%- if t %}x{% endif %}
{
{ {n} }} %}
{{ 'a' 'b' "c" }}
"""
BROKEN = r"""
{{ n
{% if t %}
{% endif %}
{{ }}
{{ n + }}
{% for x l %}{% endfor %}
{{ 'a }}
{{ (1, 2 }}
{{ [1, 2) }}
{# open
{% raw %}x
{% unknown %}
{{ n | nosuchfilter }}
{{ n is nosuchtest }}
{% break %}
{{ ! }}
{% macro m(a=1, b) %}{% endmacro %}
{% set 1 = 2 %}
{{ n.}}
{% if t %}{% else %}{% else %}{% endif %}
{{ raise_exception('no') }}
{{ nosuch.attribute }}
{{ nosuch() }}
{{ nosuch + 1 }}
{{ 1 + 'a' }}
{{ 'a' + 1 }}
{{ 1 / 0 }}
{{ l.append(1) }}
{{ d.update({'a': 1}) }}
{{ d.pop('a') }}
{{ 'a' < 1 }}
{{ 1 in 2 }}
{{ 1 in 'a1' }}
{% for x in 3 %}{% endfor %}
{% for a, b in l %}{% endfor %}
{{ n() }}
{{ nosuch | tojson }}
{{ l | map('upper', 1, 2) | list }}
{{ range(200000) }}
{{ {[1]: 2} }}
{% set ns = {} %}{% set ns.a = 1 %}
{% set ns = namespace(_x=1) %}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{{ [1] | sum(attribute='x') }}
{{ l[::0] }}
{{ (l | map('string')) | length }}
{{ none | items | length }}
{{ n | items | list }}
{{ 5 is in 5 }}
{{ nil | length }}
{{ s.nosuch() }}
{{ 'a'.join([1]) }}
{{ ''.split('') }}
"""
LITERALS = r"""
{{ 1_000 }} {{ 1.5 }} {{ 2e3 }} {{ 1e-5 }} {{ 1.0e16 }} {{ 123456789.25 }} {{ 1e22 }} {{ 0.1 }}
{{ true }} {{ True }} {{ false }} {{ none }} {{ None }}
{{ [] }} {{ () }} {{ {} }} {{ [1, 'a', none, 1.0, true] }} {{ (1,) }} {{ (1, 2) }} {{ 1, 2 }}
{{ {'a': 1, "b": [2], 3: 'c', true: none} }}
{{ 'a\\nb\\t\\'\\"\\\\ \\x41 \\u00e9 \\U0001F600 \\101 \\q' }}
{{ "it's" ~ 'say "x"' }}
{{ [quote, s, html] }}
{{ ['\\n', "it's", 'a"b', '\\'"', '\\x00\\x7f\\xa0\\xad'] }}
{{ d }}
{{ nil }}{{ nosuch }}{{ t }}{{ f }}
{{ 'héllo'[1] }}{{ 'héllo'[-1] }}{{ 'héllo'[9] }}
{{ 9223372036854775807 }}
"""
OPERATORS = r"""
{{ 1 + 2 * 3 - 4 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }}
{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1 / 3 }} {{ 6 / 3 }} {{ +n }} {{ -n }} {{ - -n }} {{ -f }}
{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ (1 + 2) * 3 }}
{{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1] ~ nosuch }}
{{ 'a' + 'b' * 3 }} {{ 2 * 'xy' }} {{ [1] * 2 + [3] }} {{ (1,) + (2,) }} {{ 'a' * -1 }}
{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' == 'a' }} {{ 'a' != 'b' }} {{ 2 >= 2 }}
{{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ [1, 2] < [1, 3] }} {{ [1] == [1.0] }} {{ (1,) == [1] }} {{ {'a': 1} == {'a': 1.0} }}
{{ none == none }} {{ nosuch == nosuch2 }} {{ nosuch == none }} {{ nil == no }} {{ 0 == no }}
{{ 1 in l }} {{ 9 not in l }} {{ 'a' in d }} {{ 'ell' in s }} {{ '' in e }} {{ not 1 in l }} {{ 1 in nosuch }} {{ 2 in (1, 2) }}
{{ not t }} {{ not not n }} {{ t and n }} {{ zero or 'x' }} {{ e or none }} {{ zero and 1 }} {{ n and f }} {{ not t or t }}
{{ 'y' if t else 'n' }}{{ 'y' if no }}|{{ 'a' if no else 'b' if no else 'c' }}
{{ 'x' if t and n > 2 else 'y' }}{{ (t if no else f) + 1 }}
{{ 1 if nosuch is defined else 2 }}
{{ n * 1.0 }} {{ t + t }} {{ 10 - 2 - 3 }} {{ 100 // 7 % 4 }}
{{ 1 ~ 2 * 3 }}
{{ 1 ~ 2 + 3 }}
{{ 0.1 + 0.2 }} {{ 1e308 * 10 }} {{ 3.0 }} {{ 1e15 + 0.5 }} {{ 1e16 + 1 }}
"""
ACCESS = r"""
{{ d.b }} {{ d['b'] }} {{ d.a.x[1].y }} {{ d['a']['x'][0] }} {{ d.nosuch }} {{ d['nosuch'] }} {{ d.C }}
{{ l[0] }} {{ l[-1] }} {{ l[9] }} {{ l.0 }} {{ l['x'] }} {{ s.nosuch }} {{ n.nosuch }} {{ nil.nosuch }}
{{ l[1:] }} {{ l[:-1] }} {{ l[1:3] }} {{ l[::2] }} {{ l[::-1] }} {{ l[-2:] }} {{ l[3:1] }} {{ l[4:1:-2] }} {{ l[100:] }} {{ l[:none] }}
{{ 'héllo'[1:3] }} {{ 'héllo'[::-1] }} {{ 'abc'[-2:] }} {{ 'abc'[5:] }}
{{ (1, 2, 3)[1:] }}
{{ d[1:2] }}
{{ nosuch[1:] }}
{{ n[1:] }}
{{ items.items is callable }} {{ items['items'] }} {{ d['keys'] is callable }} {{ d.items is defined }}
{% for k, v in items.items() %}{{ k }}={{ v }};{% endfor %}
{{ d.get('b') }} {{ d.get('q') }} {{ d.get('q', 7) }} {{ d.keys() | list }} {{ d.values() | list }} {{ d.items() | list }}
{{ d.keys() }} {{ d.values() }} {{ d.items() }} {{ d.items()[0] }}
{{ messages[0].role }} {{ messages[-1]['content'][0].text }} {{ messages[0]['content']['type'] }}
{{ d.a.__class__ }}
{{ d[nosuch] }} {{ l[nosuch] }} {{ l[true] }} {{ d.copy() == d }}
{{ l.count(1) }} {{ l.index(3) }} {{ (1, 1).count(1) }}
"""
LOOPS = r"""
{% for x in l %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}
{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is undefined }}{% endfor %}
{% for x in nothing %}x{% else %}empty{% endfor %}
{% for x in nosuch %}x{% else %}empty{% endfor %}
{% for x in l if x > 2 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% else %}none{% endfor %}
{% for x in l if x > 9 %}{{ x }}{% else %}none{% endfor %}
{% for k in d %}{{ k }} {% endfor %}{% for c in 'añb' %}[{{ c }}]{% endfor %}
{% for k, v in d.items() %}{{ k }}:{{ v }};{% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for x in range(3) %}{{ x }}{% endfor %}{% for x in range(5, 1, -2) %}{{ x }}{% endfor %}{{ range(2) | list }}
{% for x in l %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for x in l %}{% for y in l %}{% if y > x %}{% break %}{% endif %}{{ y }}{% endfor %};{% endfor %}
{% for x in [1, 2] %}{% for y in 'ab' %}{{ loop.index }}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}{{ loop.index }}{{ loop.depth }}{% endfor %}
{% for x in [1, 2, 3] %}{% set o = loop %}{% for y in [1] %}{{ o.index }}{% endfor %}{% endfor %}
{% set x = 1 %}{% for y in l %}{% set x = y %}{% endfor %}{{ x }}
{% set x = 0 %}{% for y in [1, 2] %}{{ x }}{% set x = y %}{{ x }}{% endfor %}{{ x }}
{% for x in l %}{% endfor %}{{ x }}
{% set ns = namespace(a=1, b=[]) %}{% for x in l %}{% set ns.a = ns.a * x %}{% set ns.b = ns.b + [x] %}{% endfor %}{{ ns.a }} {{ ns.b }} {{ ns.c }} {{ ns['a'] }}
{% set ns = namespace({'q': 1}, r=2) %}{{ ns.q }}{{ ns.r }}
{% for m in messages %}{{ loop.cycle('a', 'b') }}{{ m.role }}{% endfor %}
{% for x in l | reverse %}{{ x }}{% endfor %}{% for x in l[::-1] %}{{ x }}{% endfor %}
{% for x in l %}{% if loop.index is divisibleby 2 %}{{ x }}{% endif %}{% endfor %}
{% for x in (1, 2) %}{{ x }}{% endfor %}{% for x in 1, 2 %}{{ x }}{% endfor %}
{% for message in messages %}{% set messages = 3 %}{{ messages }}{% endfor %}{{ messages | length }}
{% set messages = messages[1:] %}{{ messages | length }}{% for m in messages %}{{ m.role }}{% endfor %}
"""
SETS = r"""
{% set a = 1 %}{{ a }}{% set a, b = 2, 3 %}{{ a }}{{ b }}{% set (c, d) = (4, 5) %}{{ c }}{{ d }}{% set q = 1, 2 %}{{ q }}
{% set a %}x{{ n }}y{% endset %}[{{ a }}]
{% set a | upper | trim %}  x{{ s }}y {% endset %}[{{ a }}]
{% set a %}{% set b = 1 %}{{ b }}{% endset %}{{ a }}{{ b }}
{% if t %}{% set a = 1 %}{% endif %}{{ a }}
{% if no %}{% set a = 1 %}{% endif %}{{ a is defined }}
{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with %}{% set a = 2 %}{{ a }}{% endwith %}{{ a is defined }}
{% filter upper %}abc {{ n }} ß{% endfilter %}
{% filter replace('a', 'b') | indent(2, true) %}a\nca{% endfilter %}
{% generation %}a{% set q = 1 %}{{ q }}{% endgeneration %}{{ q is defined }}
{%- generation -%} a {%- endgeneration -%} b
{% macro m(a, b='B', c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(c=3, a=1) }}{{ m() }}
{% macro m(a) %}{% if a > 0 %}{{ a }}{{ m(a - 1) }}{% endif %}{% endmacro %}{{ m(5) }}
{% macro m(x) %}{{ x }}{{ n }}{{ later }}{% endmacro %}{% set later = 'L' %}{{ m(1) }}
{% macro m() %}{% set n = 9 %}{{ n }}{% endmacro %}{{ m() }}{{ n }}
{% macro m(l) %}{% for x in l %}{{ x }}{% endfor %}{% endmacro %}{{ m([1, 2]) | length }}{{ m('ab') + 'c' }}
{%- macro m(a) -%}  {{- a -}}  {%- endmacro -%} x {{ m('y') }}
{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}
{% for x in [1, 2] %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}
{% set ns = namespace(f=none) %}{% macro m() %}M{% endmacro %}{% set ns.f = m %}{{ ns.f() }}
{{ namespace(a=1).a }}{{ dict(a=1, b=2) }}{{ dict({'x': 1}, y=2) }}{{ dict([('p', 1)]) }}
{{ strftime_now('%Y-%m-%d %H:%M:%S %d %b %Y %B %A %a %y %j %I %p %% %-d %-m') }}
{{ strftime_now is defined }} {{ raise_exception is defined }} {{ cyc is defined }}
"""
FILTERS = r"""
[{{ s | trim }}] [{{ 'xxaxx' | trim('x') }}] {{ s | length }} {{ l | count }} {{ d | length }} {{ nosuch | length }}
{{ s | upper }} {{ s | lower }} {{ 'hELLO wORLD' | capitalize }} {{ "hello-world (foo) [bar] it's o'neil" | title }} {{ '' | capitalize }}
{{ wide | upper }} {{ wide | lower }} {{ wide | capitalize }}
{{ nosuch | default }}|{{ nosuch | default('x') }} {{ e | default('x') }} {{ e | default('x', true) }} {{ nil | d('y') }} {{ nil | d('y', boolean=true) }}
{{ l | join }} {{ l | join(', ') }} {{ people | join('/', attribute='name') }} {{ 'abc' | join('-') }} {{ [none, 1.0, true] | join(' ') }} {{ nosuch | join('x') }}
{{ l | first }} {{ l | last }} {{ nothing | first }} {{ 'abc' | first }} {{ 'abc' | last }} {{ d | first }}
{{ words | sort }} {{ words | sort(reverse=true) }} {{ words | sort(case_sensitive=true) }} {{ people | sort(attribute='age') | map(attribute='name') | list }} {{ people | sort(true, attribute='age') | map(attribute='name') | list }}
{{ words | unique | list }} {{ [1, 2, 1, 1.0] | unique | list }} {{ people | unique(attribute='age') | map(attribute='name') | join }}
{{ d | dictsort }} {{ {'b': 1, 'a': 2} | dictsort(by='value') }} {{ {'b': 1, 'A': 2} | dictsort(true) }} {{ {'b': 1, 'A': 2} | dictsort(reverse=true) }}
{{ d | items | list }} {{ d | list }} {{ 'abc' | list }} {{ nosuch | list }} {{ nosuch | items | list }}
{{ people | map(attribute='name') | list }} {{ people | map(attribute='tags', default='none') | list }} {{ words | map('upper') | join(' ') }} {{ l | map('string') | list }} {{ [[1], [2]] | map(attribute=0) | list }} {{ [{'a': [5]}] | map(attribute='a.0') | list }}
{{ people | selectattr('on') | map(attribute='name') | list }} {{ people | rejectattr('on') | map(attribute='name') | list }} {{ people | selectattr('age', 'equalto', 31) | list | length }}
{{ people | selectattr('tags', 'defined') | list | length }} {{ people | selectattr('age', '>', 5) | map(attribute='name') | list }} {{ people | rejectattr('name', 'in', ['Ann']) | map(attribute='name') | list }}
{{ l | select('odd') | list }} {{ l | reject('odd') | list }} {{ l | select('gt', 3) | list }} {{ [0, 1, ''] | select | list }} {{ [0, 1, ''] | reject | list }}
{{ 'yes' if l | select('gt', 9) else 'no' }} {{ 'yes' if nothing | map('upper') else 'no' }}
{{ l | min }} {{ l | max }} {{ words | min }} {{ words | max }} {{ nothing | max }} {{ people | max(attribute='age') }}
{{ l | sum }} {{ [1, 2.5] | sum }} {{ people | sum(attribute='age') }} {{ nothing | sum(start=7) }}
{{ -3 | abs }} {{ (-3) | abs }} {{ -2.5 | abs }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 42.55 | round(1, 'floor') }} {{ 42.11 | round(method='ceil') }} {{ 7 | round }} {{ 1234 | round(-2) }}
{{ num | int }} {{ '3.9' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ 3.9 | int }} {{ -3.9 | int }} {{ true | int }} {{ nil | int }} {{ num | float }} {{ 'x' | float }} {{ 'x' | float(1.5) }} {{ '1e3' | float }} {{ 3 | float }}
{{ 1 | string }}{{ none | string }}{{ [1] | string }}{{ nosuch | string }}{{ 'a' | string | length }}
{{ 'aXbX' | replace('X', 'y') }} {{ 'aaa' | replace('a', 'b', 2) }} {{ 'abc' | replace('', '-') }} {{ 5 | replace(5, 6) }} {{ 'aaa' | replace('aa', 'b') }}
{{ l | reverse | list }} {{ 'héy' | reverse }}
{{ lines | indent }}|{{ lines | indent(2) }}|{{ lines | indent(2, true) }}|{{ lines | indent(2, blank=true) }}|{{ lines | indent('> ', first=true) }}|{{ '' | indent }}
{{ html | escape }} {{ html | e }} {{ html | safe }} {{ '<b>' | safe + '<i>' }} {{ '<i>' + '<b>' | safe }} {{ '<b>' | safe ~ '<i>' }} {{ ('<b>' | safe + html) | upper }}
{{ ('<b>' | safe).replace('b', '<') }} {{ ('<b>' | safe).split('b') }} {{ ['<b>' | safe, '<i>'] | join('<') }} {{ '<b>' | e | e }}
{{ 'a' | upper | lower | upper }} {{ 'a,b' | upper | replace(',', ';') ~ 'x' | upper }}
{{ n | string ~ f | string }} {{ -1 | abs + 2 }}
{{ words | map('length') | list }} {{ words | map('replace', 'p', 'q') | list }} {{ words | select('in', ['fig', 'pear']) | list }}
{{ {'a': 1} | tojson }} {{ d | tojson }} {{ [] | tojson }} {{ {} | tojson }} {{ quote | tojson }} {{ html | tojson }} {{ (1, 2) | tojson }}
{{ quote | tojson(ensure_ascii=true) }} {{ d | tojson(indent=2) }} {{ [[], {}, [1]] | tojson(indent=1) }} {{ d | tojson(sort_keys=true) }}
{{ d | tojson(separators=(',', ':')) }} {{ d | tojson(indent=4, separators=(',', ': ')) }} {{ [1.0, 1e20, none, true, 0.1, 1e-7] | tojson }} {{ {1: 2, none: 3, true: 4, 1.5: 6} | tojson }}
{{ people | tojson(indent=0) }} {{ 'x' | tojson | length }} {{ '\\u2028\\x7f\\x1f/' | tojson }} {{ '\\x7f' | tojson(true) }}
"""
TESTS = r"""
{{ n is defined }} {{ nosuch is defined }} {{ d.q is defined }} {{ d.q is undefined }} {{ nil is none }} {{ nosuch is none }} {{ n is not none }}
{{ s is string }} {{ n is number }} {{ f is number }} {{ t is number }} {{ s is number }} {{ n is integer }} {{ t is integer }} {{ f is float }} {{ t is boolean }} {{ n is boolean }}
{{ d is mapping }} {{ l is mapping }} {{ l is iterable }} {{ s is iterable }} {{ n is iterable }} {{ nosuch is iterable }} {{ d is iterable }} {{ (l | map('string')) is iterable }}
{{ l is sequence }} {{ s is sequence }} {{ d is sequence }} {{ n is sequence }} {{ nosuch is sequence }} {{ (l | map('string')) is sequence }} {{ d.items() is sequence }} {{ range(2) is sequence }}
{{ t is true }} {{ 1 is true }} {{ no is false }} {{ zero is false }} {{ n is odd }} {{ n is even }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }}
{{ 1 is eq 1 }} {{ 1 is equalto 1.0 }} {{ 'a' is ne 'b' }} {{ 1 is lt 2 }} {{ 1 is le 1 }} {{ 2 is gt 1 }} {{ 2 is ge 3 }} {{ 1 is in l }} {{ 1 is not in l }} {{ 'a' is in 'abc' }}
{{ 'AB' is upper }} {{ 'ab' is lower }} {{ 'Ab' is lower }} {{ none is none }} {{ t is sameas true }} {{ raise_exception is callable }} {{ n is callable }} {{ ('a' | safe) is escaped }}
{{ n is defined and n is number }} {{ nosuch is defined or n is string }} {{ not n is string }} {{ n is string == false }} {{ n + 1 is number }} {{ -1 is number }}
{{ messages[0].tool_calls is defined }} {{ messages[1].tool_calls is defined and messages[1].tool_calls }} {{ messages[2].content is string }} {{ messages[2].content is sequence and messages[2].content is not mapping }}
"""
METHODS = r"""
[{{ s.strip() }}] [{{ s.lstrip() }}] [{{ s.rstrip() }}] [{{ 'xyaxy'.strip('yx') }}] [{{ 'xya'.lstrip('x') }}] [{{ 'aé'.rstrip('é') }}] [{{ s.strip(none) }}]
{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ ' a  b c '.split(none, 1) }} {{ 'a,b,c'.split(',', 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'abc'.split('abc') }} {{ 'a--b'.split('--')[-1] }} {{ 'a b'.split(maxsplit=0) }}
{{ 'a,b,,c'.rsplit(',', 1) }} {{ ' a  b c '.rsplit(none, 1) }} {{ 'a,b'.rsplit(',') }} {{ ' a b '.rsplit() }} {{ 'a'.rsplit('b', 1) }}
{{ lines.splitlines() }} {{ lines.splitlines(true) }} {{ ''.splitlines() }} {{ '\\n'.splitlines() }}
{{ s.startswith('  H') }} {{ s.endswith('\\n') }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.endswith('') }} {{ 'abc'.startswith('abcd') }}
{{ 'aXbX'.replace('X', '-') }} {{ 'aXbX'.replace('X', '-', 1) }} {{ 'ab'.replace('', '.') }} {{ 'ab'.replace('b', '') }}
{{ 'ab'.upper() }} {{ 'AB'.lower() }} {{ "they're bill's friends-2go".title() }} {{ 'aBC dEF'.capitalize() }} {{ 'straße ǆ i\u0307s'.title() }} {{ wide.upper() }}
{{ 'hello'.find('l') }} {{ 'hello'.find('z') }} {{ 'hélo'.find('o') }} {{ 'hello'.rfind('l') }} {{ 'hello'.count('l') }} {{ 'aaa'.count('aa') }} {{ 'abc'.index('c') }} {{ 'ab'.count('') }}
{{ '-'.join(['a', 'b']) }} {{ ', '.join(words) }} {{ ''.join('abc') }} {{ '-'.join(d) }}
{{ '{} {}'.format(1, 'a') }} {{ '{0}{1}{0}'.format('x', none) }} {{ '{a}{{}}'.format(a=1.0) }}
{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('bc') }} {{ 'abc'.removeprefix('x') }}
{{ '12'.isdigit() }} {{ '1a'.isdigit() }} {{ ''.isdigit() }} {{ ' \\n'.isspace() }} {{ 'AB'.isupper() }} {{ 'ab'.islower() }}
{{ 'a'.upper().lower() + 'b'.upper() }} {{ ('a' ~ 'b').upper() }} {{ 'x y'.split()[0].upper() }}
{{ messages[0].content.split('i')[0] }} {{ messages[0]['content'].strip() | length }}
"""


def cases():
    for block in (TAGS, BROKEN, LITERALS, OPERATORS, ACCESS, LOOPS, SETS, FILTERS, TESTS, METHODS):
        for line in block.strip("\n").split("\n"):
            # In the lists a line is a case: \n in it is a line feed, \\n a backslash and an n.
            text = line.replace("\\\\", "\0").replace("\\n", "\n").replace("\\r", "\r").replace("\\u00a0", "\u00a0")
            yield text.replace("\0", "\\")


def printed(environment, source):
    try:
        return environment.from_string(source).render(**VARIABLES)
    except Exception:  # whatever a template does to Python
        return None


def main():
    environment = chat_peer.environment()
    rows = [[source, printed(environment, source)] for source in cases()]
    for source, text in rows:
        if text and " at 0x" in text:
            raise SystemExit(f"an address is printed: {source}")
    head = json.dumps({"variables": VARIABLES}, ensure_ascii=True)[:-1]
    lines = ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows)
    OUT.write_text(f'{head}, "cases": [\n{lines}\n]}}\n')
    failing = sum(text is None for _, text in rows)
    print(f"{OUT}: {len(rows)} cases, {failing} of them failures")
    for source, text in rows[len(TAGS.strip().split(chr(10))) + len(BROKEN.strip().split(chr(10))):]:
        if text is None:
            print("fails:", source)


if __name__ == "__main__":
    main()
