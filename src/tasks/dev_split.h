// Rows for choosing the best weights, split off from the training rows where there is no file of
// them.
//
//   TaskRows dev = split_off_dev(train, 0.1);   // train keeps the others
#pragma once

#include "tasks/task_data.h"

namespace stemma::tasks {

// About `fraction` of the rows, by the hash of their texts: the same rows whatever else the file
// holds, in whatever order. Pairs that share a text, directly or through other pairs, go to the
// same side, since what was learned of one tells of the other (a premise with several hypotheses).
// Where more than a quarter of all rows hangs together so, rows are split one by one, which is
// said.
TaskRows split_off_dev(TaskRows& train, double fraction);

}  // namespace stemma::tasks
