#include "text/chat/jinja/template.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/text/support.h"

namespace stemma::chat::jinja {
namespace {

std::tm march() {
  std::tm now = {};
  now.tm_year = 126;
  now.tm_mon = 2;
  now.tm_mday = 7;
  now.tm_hour = 9;
  now.tm_min = 5;
  now.tm_sec = 2;
  now.tm_wday = 6;
  now.tm_yday = 65;
  return now;
}

MarkedText render(const std::string& source, const Json& data = Json::object()) {
  return Template(source).render({data, {{"bos_token", "<s>"}}, march()});
}

// What Python's jinja2 prints (scripts/peers/make_jinja_golden.py).
TEST(JinjaTemplate, PrintsWhatJinja2Prints) {
  const Json golden = Json::parse(test::fixture("jinja.json"), "jinja.json");
  EXPECT_GE(golden.at("cases").as_array().size(), 230u);
  for (const Json& row : golden.at("cases").as_array()) {
    const std::string source = row.as_array()[0].as_string();
    const Json& wanted = row.as_array()[1];
    SCOPED_TRACE(source);
    if (wanted.is_null()) {
      EXPECT_THROW(render(source, golden.at("variables")), Error);
      continue;
    }
    try {
      EXPECT_EQ(render(source, golden.at("variables")).bytes(), wanted.as_string());
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

// The runs of a text, those of data in [ ].
std::string marked(const std::string& source, const Json& data) {
  const MarkedText text = render(source, data);
  std::string out;
  std::size_t begin = 0;
  for (const auto& [end, origin] : text.runs()) {
    const std::string run = text.bytes().substr(begin, end - begin);
    out += origin == Origin::data ? "[" + run + "]" : run;
    begin = end;
  }
  return out;
}

TEST(JinjaTemplate, KnowsWhatWasGiven) {
  const Json data = Json::object(
      {{"x", "dAta"},
       {"l", Json::array({"a", Json::object({{"k", 1}})})},
       {"n", 5},
       {"messages", Json::array({Json::object({{"role", "user"}, {"content", "hi"}}),
                                 Json::object({{"role", "evil"}, {"name", "user"}})})}});
  for (const auto& [source, wanted] : std::vector<std::pair<const char*, const char*>>{
           {"<{{ x }}>{{ bos_token }}", "<[dAta]><s>"},
           {"{{ '<' + x + '>' }}{{ '<' ~ x ~ '>' }}", "<[dAta]><[dAta]>"},
           {"{{ ('<' + x + '>')[2:] }}{{ ('<' + x)[::-1] }}", "[Ata]>[atAd]<"},
           {"{{ ('< ' + x + ' >') | upper | trim }}{{ ('<' + x) | title }}", "< [DATA] ><[Data]"},
           {"{{ x | replace('A', '<') }}{{ 'a-b' | replace('-', x) }}", "[d]<[ta]a[dAta]b"},
           {"{{ [x, 'y', x] | join('<') }}{{ '|'.join(['t', x]) }}", "[dAta]<y<[dAta]t|[dAta]"},
           {"{{ ('<' + x + '>').split('A') | join }}", "<[dta]>"},
           {"{{ n }}{{ n + 1 }}{{ 1 + 1 }}{{ -n }}{{ x | length }}", "[56]2[-54]"},
           {"{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ m.name }}{% endfor %}",
            "<user>[hi]<[evil]>[user]"},
           {"{% set q %}<{{ x }}{% endset %}{{ q }}{% macro f(a) %}({{ a }}){% endmacro %}{{ f(x) "
            "}}",
            "<[dAta]([dAta])"},
           {"{{ '{}<{}'.format(x, 'y') }}{{ x | indent(2, true) }}", "[dAta]<y  [dAta]"},
           {"{{ messages[0] | list | join }}{{ l }}", "[rolecontent['a', {'k': 1}]]"},
           {"{{ x | escape }}{{ '<i>' | safe + x }}{{ strftime_now('%Y') }}",
            "[dAta]<i>[dAta]2026"}})
    EXPECT_EQ(marked(source, data), wanted) << source;
  EXPECT_EQ(marked("{{ l | tojson }}<", data), "[[\"a\", {\"k\": 1}]]<");
  EXPECT_EQ(marked("{{ ['<'] | tojson }}", data), "[[\"]<[\"]]");
}

// Templates that would never end, or that ask for more memory than there is.
TEST(JinjaTemplate, HostileTemplatesFailEarly) {
  const auto repeated = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  const std::string doubling = "{% set ns = namespace(x='ab') %}{% for i in range(99999) %}";
  for (const std::string& source : {
           std::string("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
           std::string("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}"),
           std::string(
               "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
           std::string(
               "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"),
           std::string("{{ range(10 ** 12) | list }}"),
           std::string("{{ 'x' * 10 ** 12 }}"),
           std::string("{{ [0] * 10 ** 12 }}"),
           std::string("{{ ('x' * 10 ** 7) | indent(10 ** 9) }}"),
           std::string("{{ ' ' | indent(10 ** 12, true) }}"),
           std::string("{{ ('x' * 10 ** 7) | replace('x', 'y' * 1000) }}"),
           std::string("{{ ('x' * 10 ** 7) | replace('', 'y' * 1000) }}"),
           std::string("{{ 9 ** 9 ** 9 }}"),
           doubling + "{% set ns.x = ns.x + ns.x %}{% endfor %}",
           doubling + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
           doubling + "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
           doubling + "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
           doubling + "{% set ns.x = {'a': ns.x, 'b': ns.x} %}{% endfor %}{{ ns.x | tojson }}",
           doubling + "{% set ns.x = ns.x.strip %}{% endfor %}",
           std::string("{% set ns = namespace() %}{% set ns.ns = ns %}"),
           std::string("{% set ns = namespace() %}{% set ns.l = [ns] %}"),
           "{% set a = 'a' * 10 ** 6 %}{% set b = 'a' * 10 ** 5 ~ 'b' %}" +
               repeated("{{ b in a }}", 1000),
           "{{ " + repeated("(", 100000) + "1" + repeated(")", 100000) + " }}",
           "{{ " + repeated("[", 100000),
           "{{ " + repeated("not ", 100000) + "1 }}",
           "{{ " + repeated("-", 100000) + "1 }}",
           "{{ 1" + repeated(" + 1", 100000) + " }}",
           "{{ 1" + repeated(" | abs", 100000) + " }}",
           "{{ 1" + repeated(" if 1 else 1", 100000) + " }}",
           "{{ x" + repeated(".x", 100000) + " }}",
           "{{ x" + repeated("()", 100000) + " }}",
           repeated("{% if 1 %}", 100000),
           repeated("{% for x in [1] %}", 100000),
           repeated("{% macro m() %}", 100000),
       }) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_ERROR(render(source), ErrorCode::unsupported, "[chat]");
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20))
        << source.substr(0, 100);
  }
}

TEST(JinjaTemplate, ErrorsTellTheLine) {
  const auto code = ErrorCode::unsupported;
  EXPECT_ERROR(Template("a\n{{ b }"), code, "line 2 of the chat template");
  EXPECT_ERROR(Template("{% include 'x' %}"), code, "'{% include %}' is not supported");
  EXPECT_ERROR(render("\n\n{{ x.y }}"), code, "line 3 of the chat template: 'x' is undefined");
  EXPECT_ERROR(render("{{ 1 | frobnicate }}"), code, "the filter 'frobnicate' is not supported");
  EXPECT_ERROR(render("{{ [].append(1) }}"), code, "list.append() is not supported");
  EXPECT_ERROR(render("{{ raise_exception('Roles must alternate') }}"), ErrorCode::invalid_argument,
               "Roles must alternate");
}

}  // namespace
}  // namespace stemma::chat::jinja
