// The adapters of fixtures/peft beside their bases: opened, run, and everything of them by name.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/adapter_folder.h"
#include "nn/adapter.h"
#include "tasks/finetune_plan.h"
#include "tasks/head_pass.h"
#include "tests/golden/support.h"
#include "tests/text/small_tokenizers.h"

namespace stemma::golden {

inline fs::path peft_folder(const std::string& name) { return fixture("peft") / name; }

// Adapter parameters and the heads that the adapter brings from its folder, the others from the
// base.
class BesideBase final : public nn::WeightSource {
 public:
  BesideBase(nn::WeightSource& base, checkpoint::AdapterFolder& adapter)
      : base_(base), adapter_(adapter) {}
  Weight load(const nn::ParameterSpec& spec) override {
    const auto& heads = adapter_.replaced();
    const bool own = spec.name.starts_with(nn::kAdapterPrefix) ||
                     std::find(heads.begin(), heads.end(), spec.name) != heads.end();
    return own ? adapter_.load(spec) : base_.load(spec);
  }

 private:
  nn::WeightSource& base_;
  checkpoint::AdapterFolder& adapter_;
};

// One sequence, whose head reads the whole text.
inline tasks::EncodedExample example_of_case(const Json& json) {
  Framed text;
  text.ids = ids_of(json.at("ids"));
  if (const Json* segments = json.find("token_type_ids"))
    text.segments = ids_of(*segments);
  else
    text.segments.assign(text.ids.size(), 0);
  tasks::EncodedExample example;
  example.texts.push_back(std::move(text));
  example.terms.push_back({.row = 0, .text = 0, .token = tasks::kWholeText});
  example.tokens = std::ssize(example.texts.front().ids);
  return example;
}

// A base and the folder of an adapter on it, without the model itself.
class PeftFiles {
 public:
  PeftFiles(const fs::path& base, const fs::path& adapter)
      : source_(base, checkpoint::Memory::shared),
        config_(with_head(adapter, source_.config())),
        folder_(adapter, config_.model),
        beside_(source_, folder_) {}

  const checkpoint::ConfigFile& config() const { return config_; }
  checkpoint::AdapterFolder& folder() { return folder_; }
  nn::WeightSource& base() { return source_; }
  nn::WeightSource& source() { return beside_; }

  // All that the adapter's file holds, by our names.
  std::vector<checkpoint::NamedTensor> parameters() {
    std::vector<checkpoint::NamedTensor> list;
    const auto load = [&](const nn::ParameterSpec& spec) {
      list.push_back({spec.name, folder_.load(spec).value()});
    };
    const nn::Build build = [&](nn::WeightSource& from) { nn::Adapter(from, folder_.spec()); };
    for (const nn::ParameterSpec& spec : nn::survey(build)) load(spec);
    const auto& heads = folder_.replaced();
    for (const nn::ParameterSpec& spec : parameters_of(config_.model))
      if (std::find(heads.begin(), heads.end(), spec.name) != heads.end()) load(spec);
    return list;
  }

 private:
  static checkpoint::ConfigFile with_head(const fs::path& adapter,
                                          const checkpoint::ConfigFile& base) {
    if (json_of(adapter / "adapter_config.json").get("task_type", "") != "SEQ_CLS") return base;
    return tasks::config_for(tasks::read_adapter_descriptions(adapter, base), base);
  }

  checkpoint::CheckpointSource source_;
  checkpoint::ConfigFile config_;
  checkpoint::AdapterFolder folder_;
  BesideBase beside_;
};

// A model with an adapter, or with the adapter merged into its weights.
class PeftModel {
 public:
  PeftModel(PeftFiles& files, nn::WeightSource& source, bool adapted = true)
      : stream_(1), model_(build_model(files.config().model, source)) {
    if (adapted) {
      adapter_ = std::make_unique<nn::Adapter>(files.folder(), files.folder().spec());
      adapters_.list = {adapter_.get()};
    }
    if (files.config().model.task_heads.empty()) return;
    const fs::path folder = files.folder().folder();
    task_ = tasks::make_task(tasks::read_adapter_descriptions(folder, files.config()).front(),
                             *tokenizer_);
  }
  explicit PeftModel(PeftFiles& files) : PeftModel(files, files.source()) {}

  // The scores of the classes, of all examples one after the other.
  std::vector<float> scores(const std::vector<tasks::EncodedExample>& examples) {
    Batch batch;
    tasks::clear_batch(batch);
    for (const tasks::EncodedExample& example : examples) tasks::append(batch, *task_, example, 0);
    ops::Context ctx(stream_, ops::Numerics::f32());
    nn::FullAttention attention(batch);
    const Tensor h = model_->forward({ctx, batch, attention, &adapters_});
    return values_of(tasks::head_scores({ctx, *model_, batch, h}, tasks::head_of(*model_)));
  }
  // The logits of every token of a sequence.
  std::vector<float> logits(const std::vector<std::int32_t>& ids) {
    const Batch batch = batch_of({ids});
    ops::Context ctx(stream_, ops::Numerics::f32());
    nn::FullAttention attention(batch);
    return values_of(
        model_->head().logits(ctx, model_->forward({ctx, batch, attention, &adapters_})));
  }
  // What expected.json has of a case: the scores of the classes, or the last row of logits.
  std::vector<float> answer(const Json& json) {
    if (task_) return scores({example_of_case(json)});
    const std::vector<float> all = logits(ids_of(json.at("ids")));
    return {all.end() - model_->config().vocab, all.end()};
  }

 private:
  std::shared_ptr<const Tokenizer> tokenizer_ = byte_tokenizer();
  Stream stream_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<nn::Adapter> adapter_;
  nn::Adapters adapters_;
  std::unique_ptr<tasks::Task> task_;
};

}  // namespace stemma::golden
