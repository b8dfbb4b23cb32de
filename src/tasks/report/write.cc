#include "base/file.h"
#include "tasks/report/report.h"

namespace stemma::tasks {

void write_report(const std::filesystem::path& folder, const Report& report) {
  const auto write = [&](const char* name, const std::string& content) {
    AtomicFile file(folder / name);
    file.write(content);
    file.commit();
  };
  write("report.md", to_markdown(report));
  write("report.html", to_html(report));
  write(kReportFile, to_json(report).dump(2) + "\n");
}

}  // namespace stemma::tasks
