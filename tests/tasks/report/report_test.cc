#include "tasks/report/report.h"

#include <limits>

#include <gtest/gtest.h>

#include "base/file.h"
#include "tasks/report/show.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/tasks/metrics/golden.h"
#include "tests/tasks/report/samples.h"

namespace stemma::tasks {
namespace {

bool page_has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
    ++count;
  return count;
}

// Every tag of the page is closed in its order.
void expect_balanced(const std::string& page) {
  std::vector<std::string> open;
  for (std::size_t at = 0; (at = page.find('<', at)) != std::string::npos; ++at) {
    const std::size_t end = page.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = page.substr(at + 1, end - at - 1);
    if (tag.starts_with("!") || tag.ends_with("/") || tag.starts_with("meta")) continue;
    if (!tag.starts_with("/")) {
      open.push_back(tag.substr(0, tag.find(' ')));
      continue;
    }
    ASSERT_FALSE(open.empty()) << tag;
    EXPECT_EQ("/" + open.back(), tag);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST(Report, TableEqualsScikitLearns) {
  const Json file = metrics_golden::read("single_label");
  int compared = 0;
  for (const Json& c : file.at("cases").as_array()) {
    if (c.find("text") == nullptr) continue;
    const auto labels = metrics_golden::strings(c.at("labels"));
    const auto gold = metrics_golden::numbers<int>(c.at("gold"));
    const auto predicted = metrics_golden::numbers<int>(c.at("predicted"));
    Report report;
    add_figures(report, evaluate_single_label({labels, gold, predicted, {}, {}}, {}));
    EXPECT_TRUE(to_text(report).starts_with(c.at("text").as_string())) << to_text(report);
    ++compared;
  }
  EXPECT_GE(compared, 9);
}

TEST(Report, TableEqualsScikitLearnsForManyLabels) {
  const Json file = metrics_golden::read("multi_label");
  for (const Json& c : file.at("cases").as_array()) {
    const auto labels = metrics_golden::strings(c.at("labels"));
    const auto gold = metrics_golden::numbers<std::uint8_t>(c.at("gold"));
    const auto predicted = metrics_golden::numbers<std::uint8_t>(c.at("predicted"));
    Report report;
    add_figures(report, evaluate_multi_label({labels, gold, predicted}, {}));
    EXPECT_TRUE(to_text(report).starts_with(c.at("text").as_string())) << to_text(report);
  }
}

TEST(Report, TableEqualsSeqevals) {
  const Json file = metrics_golden::read("entities");
  for (const Json& c : file.at("cases").as_array()) {
    if (c.find("text") == nullptr) continue;
    std::vector<TaggedSentence> sentences;
    for (std::size_t i = 0; i < c.at("gold").as_array().size(); ++i) {
      const auto gold = metrics_golden::strings(c.at("gold").as_array()[i]);
      const auto predicted = metrics_golden::strings(c.at("predicted").as_array()[i]);
      sentences.push_back({entities_of_tags(gold), entities_of_tags(predicted),
                           static_cast<std::int64_t>(gold.size()), -1});
    }
    Report report;
    add_figures(report, evaluate_entities(sentences, {}));
    EXPECT_TRUE(to_text(report).starts_with(c.at("text").as_string())) << to_text(report);
  }
}

TEST(Report, JsonHasTheKeysThatScriptsRelyOn) {
  const Json json = Json::parse(to_json(report_samples::three_classes()).dump(2), "report.json");
  EXPECT_EQ(json.at("split").as_string(), "test");
  EXPECT_EQ(json.at("task").as_string(), "classification");
  for (const char* figure : {"accuracy", "macro_f1", "micro_f1", "weighted_f1", "matthews"}) {
    EXPECT_GT(json.at(figure).as_double(), 0) << figure;
    EXPECT_LE(json.at(figure).as_double(), 1) << figure;
    const auto& interval = json.at("intervals").at(figure).as_array();
    EXPECT_LE(interval[0].as_double(), json.at(figure).as_double()) << figure;
    EXPECT_GE(interval[1].as_double(), json.at(figure).as_double()) << figure;
    EXPECT_GT(json.at("standard_errors").at(figure).as_double(), 0) << figure;
  }
  const Json& neutral = json.at("classes").at("neutral");
  for (const char* score : {"precision", "recall", "f1"})
    EXPECT_GT(neutral.at(score).as_double(), 0);
  EXPECT_TRUE(neutral.at("support").is_int());
  EXPECT_EQ(json.at("confusion_matrix").at("labels").as_array().size(), 3u);
  EXPECT_EQ(json.at("confusion_matrix").at("counts").as_array()[2].as_array().size(), 3u);
  EXPECT_EQ(json.at("calibration").at("bins").as_array().size(), 15u);
  EXPECT_TRUE(json.at("calibration").at("bins").as_array()[0].at("accuracy").is_null());
  EXPECT_EQ(json.at("under_small_changes").at("accuracy").as_double(), 0.7512);
  EXPECT_NEAR(json.at("seeds").at("figures").at("accuracy").at("mean").as_double(), 0.81, 1e-12);
  EXPECT_NEAR(json.at("seeds").at("figures").at("accuracy").at("deviation").as_double(), 0.01,
              1e-12);
  const Json& worst = json.at("worst").as_array()[0];
  EXPECT_TRUE(worst.at("place").as_string().starts_with("test.csv:"));
  EXPECT_GT(worst.at("confidence").as_double(), 0.9);
}

TEST(Report, AFigureWithoutAValueIsNull) {
  Report report;
  const std::vector<double> gold = {1, 2, 3}, constant = {2, 2, 2};
  add_figures(report, evaluate_regression(gold, constant, {.resamples = 10}));
  const Json json = Json::parse(to_json(report).dump(), "report.json");
  EXPECT_TRUE(json.at("pearson").is_null());
  EXPECT_TRUE(json.at("intervals").at("spearman").as_array()[0].is_null());
  EXPECT_TRUE(page_has(json.at("notes").as_array()[0].as_string(), "All predicted values are 2"));
  EXPECT_TRUE(page_has(to_text(report), "Pearson correlation   –"));
  EXPECT_TRUE(page_has(to_text(report), "Note: All predicted values are 2"));
  EXPECT_TRUE(page_has(to_html(report), "<b>–</b>"));
}

TEST(Report, TextShowsAMatrixOfFewClassesAndConfusionsOfMany) {
  const std::string few = to_text(report_samples::three_classes());
  EXPECT_TRUE(page_has(few,
                       "Confusion matrix (rows: gold, columns: predicted):\n"
                       "            negative  neutral  positive\n"));
  EXPECT_TRUE(page_has(few, "under small changes 0.7512"));
  EXPECT_TRUE(page_has(few, "accuracy of 3 seeds: 0.8100 ± 0.0100"));
  const std::string many = to_text(report_samples::many_classes());
  EXPECT_TRUE(page_has(many, "Most frequent confusions:\n"));
  EXPECT_TRUE(page_has(many, ", taken for "));
  EXPECT_FALSE(page_has(many, "Confusion matrix"));
}

TEST(Report, PageStandsAloneWithAllItsParts) {
  const std::string page = to_html(report_samples::three_classes());
  expect_balanced(page);
  for (const char* part :
       {"<!DOCTYPE html>", "prefers-color-scheme: dark", "aria-label='Confusion matrix'",
        "aria-label='Reliability diagram'", "aria-label='Training curve'", "Worst mistakes",
        "test.csv:", "macro F1", "0.7512 under small changes", "weighted average", "seed 2"})
    EXPECT_TRUE(page_has(page, part)) << part;
  for (const char* part : {"<script", "http:", "https:", "src=", "@import", "url("})
    EXPECT_FALSE(page_has(page, part)) << part;
  EXPECT_FALSE(page_has(page, "nan"));
}

TEST(Report, PictureOfManyClassesShowsThoseWithMostErrors) {
  const std::string page = to_html(report_samples::many_classes());
  expect_balanced(page);
  EXPECT_TRUE(page_has(page, "The 25 of 77 classes with most errors"));
  EXPECT_EQ(count_of(page, "rotate(-45)"), 25u);
}

TEST(Report, MarkdownHasTheSameParts) {
  const std::string text = to_markdown(report_samples::three_classes());
  for (const char* part : {"# classification", "| macro F1 |", "| neutral |", "## Confusion matrix",
                           "## Calibration", "## Worst mistakes", "| learning rate | 2e-5 |"})
    EXPECT_TRUE(page_has(text, part)) << part;
  EXPECT_TRUE(page_has(to_markdown(report_samples::many_classes()), "## Most frequent confusions"));
}

Report hostile_report() {
  const std::string label = "<script>alert('x')</script> \"a\" & |b| `c`\n# d\x1b[31m\xe2\x80\xae";
  report_samples::Answers made = report_samples::answers({label, "\xff\xfe bad", "**ok**"}, 60);
  Report report = report_samples::report(made);
  report.task = report.model = report.split = report.dev_metric = label;
  report.data = {{label, label, 1}};
  report.counts = {{label, label}};
  report.settings = {{label, {{label, label}}}};
  report.notes.push_back(label);
  report.figures.push_back({label, 0.5, {}});
  report.seeds = {1};
  report.seed_figures = {{label, {0.5}}};
  report.worst = {{std::string(1 << 20, '<'), label, label, 0.5, label},
                  {label, label, label, std::numeric_limits<double>::quiet_NaN(), ""}};
  return report;
}

TEST(Report, HostileLabelsAndTextsDoNoHarm) {
  const Report report = hostile_report();
  const std::string page = to_html(report), text = to_text(report), marked = to_markdown(report);
  expect_balanced(page);
  EXPECT_LT(page.size(), 200000u);
  EXPECT_TRUE(page_has(page, "(+1048076 bytes)"));
  EXPECT_TRUE(page_has(page, "&lt;script&gt;alert(&#39;x&#39;)"));
  EXPECT_FALSE(page_has(marked, "<script"));
  EXPECT_FALSE(page_has(page, "<script"));
  for (const std::string& form : {page, text, marked}) {
    EXPECT_FALSE(page_has(form, "\x1b"));
    EXPECT_FALSE(page_has(form, "\xe2\x80\xae"));
    EXPECT_FALSE(page_has(form, "\xff"));
    EXPECT_TRUE(page_has(form, "\\u{202e}") || page_has(form, "\\u{1b}")) << form.substr(0, 500);
  }
  // A line of a table stays one line with its number of columns.
  EXPECT_FALSE(page_has(marked, "\n# d"));
  EXPECT_TRUE(page_has(marked, "\\|b\\|"));
  EXPECT_TRUE(page_has(marked, "\\*\\*ok\\*\\*"));
  const Json json = Json::parse(to_json(report).dump(), "report.json");
  EXPECT_LT(json.at("worst").as_array()[0].at("text").as_string().size(), 3000u);
  EXPECT_EQ(json.at("task").as_string(), report.task);
}

TEST(Report, AnEmptyOneIsWhole) {
  const Report report;
  expect_balanced(to_html(report));
  EXPECT_EQ(to_text(report), "");
  EXPECT_TRUE(to_json(report).at("worst").as_array().empty());
}

TEST(Report, IsWrittenAsThreeFiles) {
  const TemporaryFolder folder;
  const Report report = report_samples::three_classes();
  write_report(folder.path(), report);
  EXPECT_EQ(read_file(folder / "report.html"), to_html(report));
  EXPECT_EQ(read_file(folder / "report.md"), to_markdown(report));
  EXPECT_EQ(Json::parse(read_file(folder / "report.json"), "report.json").dump(),
            to_json(report).dump());
  EXPECT_ERROR(write_report(folder / "missing", report), ErrorCode::device, "missing");
}

TEST(Show, CutsAtCharactersAndShowsHiddenOnes) {
  EXPECT_EQ(show::cut("äöü", 3), "äöü");
  EXPECT_EQ(show::cut("äöü", 2), "äö… (+2 bytes)");
  EXPECT_EQ(show::cut("a\tb\r\n\x01", 10), "a\\tb\\r\\n\\u{1}");
  EXPECT_EQ(show::cut("\xc3", 10), "\xef\xbf\xbd");
  EXPECT_EQ(show::cut("\xed\xa0\x80", 10), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(show::cut("a\xe2\x80\x8f"
                      "b",
                      10),
            "a\\u{200f}b");
  EXPECT_EQ(show::shorten("card_payment_charge_back", 12), "card_pa…back");
  EXPECT_EQ(show::shorten("äöüäöüäöü", 9), "äöüäöüäöü");
  EXPECT_EQ(show::shorten("a\nb", 9), "a\\nb");
  EXPECT_EQ(show::columns("中文a"), 5u);
  EXPECT_EQ(show::right("中", 4), "  中");
  EXPECT_EQ(show::left("ab", 4), "ab  ");
}

}  // namespace
}  // namespace stemma::tasks
