// Every subcommand adds itself to the program: one function, one source file, in the folder of its
// noun (`stemma tokenizer encode` is in tokenizer/encode.cc).
#pragma once

#include "cli/program.h"

namespace stemma::cli {

void add_tokenizer_train(Program& program);
void add_tokenizer_encode(Program& program);
void add_tokenizer_decode(Program& program);
void add_tokenizer_convert(Program& program);
void add_tokenizer_chat(Program& program);
void add_tokenizer_count(Program& program);
void add_tokenizer_inspect(Program& program);
void add_tokenizer_bench(Program& program);
void add_data_pack(Program& program);
void add_data_inspect(Program& program);
void add_train(Program& program);
void add_finetune(Program& program);
void add_predict(Program& program);
void add_merge(Program& program);
void add_generate(Program& program);
void add_logits(Program& program);
void add_hidden(Program& program);
void add_embed(Program& program);
void add_eval_perplexity(Program& program);
void add_eval_task(Program& program);
void add_serve(Program& program);
void add_chat(Program& program);
void add_load(Program& program);
void add_convert(Program& program);
void add_info(Program& program);
void add_bench(Program& program);
void add_doctor(Program& program);

}  // namespace stemma::cli
