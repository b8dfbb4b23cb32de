#include "text/chat/template_form.h"

#include <string>

#include <gtest/gtest.h>

namespace stemma::chat {
namespace {

using Form = std::vector<FormPart>;

Form form(std::string_view jinja) {
  const auto found = template_form(jinja);
  EXPECT_TRUE(found) << jinja;
  return found.value_or(Form());
}

TEST(TemplateForm, TextOutputsAndBlocks) {
  EXPECT_EQ(form(""), Form());
  EXPECT_EQ(form("a b"), (Form{{FormKind::text, "a b"}}));
  EXPECT_EQ(form("x{% if a  ==1 %}{{b}}{%endif%}"), (Form{{FormKind::text, "x"},
                                                          {FormKind::block, "if a == 1"},
                                                          {FormKind::output, "b"},
                                                          {FormKind::block, "endif"}}));
}

TEST(TemplateForm, WhatIsPrintedInPiecesIsOne) {
  const Form one = {
      {FormKind::text, "ab"}, {FormKind::output, "m [ 'r' ]"}, {FormKind::text, "\n"}};
  for (const char* jinja : {"ab{{ m['r'] }}\n{{ '' }}", "{{ 'a' + 'b' + m[\"r\"] + '\\n' }}",
                            "a{{'b'+m.r}}{{\"\\n\"}}", "{{ 'ab' }}{{ m . r if false }}"})
    if (std::string(jinja).find(" if ") == std::string::npos)
      EXPECT_EQ(form(jinja), one) << jinja;
    else
      EXPECT_NE(form(jinja), one) << jinja;
  // Not a sum of printable parts.
  EXPECT_EQ(form("{{ 'a' + b if c else 'd' }}")[0].kind, FormKind::output);
  EXPECT_EQ(form("{{ a | trim }}"), (Form{{FormKind::output, "a | trim"}}));
  EXPECT_EQ(form("{{ [1] + a }}"), (Form{{FormKind::output, "[ 1 ] + a"}}));
  EXPECT_NE(form("{{ 'x' }}"), form("{{ x }}"));
}

// What transformers prints, with trim_blocks and lstrip_blocks.
TEST(TemplateForm, WhiteSpaceAroundTags) {
  EXPECT_EQ(form("a\n{% x %}\nb\n"),
            (Form{{FormKind::text, "a\n"}, {FormKind::block, "x"}, {FormKind::text, "b"}}));
  EXPECT_EQ(form("a\n  {% x %}\n  {% y %}"),
            (Form{{FormKind::text, "a\n"}, {FormKind::block, "x"}, {FormKind::block, "y"}}));
  EXPECT_EQ(form("  {% x %}  {% y %}"),
            (Form{{FormKind::block, "x"}, {FormKind::text, "  "}, {FormKind::block, "y"}}));
  EXPECT_EQ(form("a \n {%- x -%} \n b"),
            (Form{{FormKind::text, "a"}, {FormKind::block, "x"}, {FormKind::text, "b"}}));
  EXPECT_EQ(form("a {{- x }} b"),
            (Form{{FormKind::text, "a"}, {FormKind::output, "x"}, {FormKind::text, " b"}}));
  EXPECT_EQ(form("\n  {{ x }}\n b"),
            (Form{{FormKind::text, "\n  "}, {FormKind::output, "x"}, {FormKind::text, "\n b"}}));
  EXPECT_EQ(form("  {%+ x %}b"),
            (Form{{FormKind::text, "  "}, {FormKind::block, "x"}, {FormKind::text, "b"}}));
}

TEST(TemplateForm, IsNothingWhereATagHasNoEnd) {
  for (const char* jinja :
       {"{%", "{{ 'a", "{{ 'a' ", "{% x }}", "{{ '\\", "{{ '\\q' }}", "{# c #}", "{{ '%}' "})
    EXPECT_FALSE(template_form(jinja)) << jinja;
}

}  // namespace
}  // namespace stemma::chat
