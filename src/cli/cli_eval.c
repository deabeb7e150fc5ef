// SPDX-License-Identifier: Apache-2.0
// nightjar eval: measures tracking and detection against ground truth.
#include "cli/cli.h"
#include "cli/cli_eval_mot.h"
#include "cli/cli_eval_video.h"

#include <string.h>

int nj_cli_eval(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "mot") == 0)
        return nj_cli_eval_mot(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "video") == 0)
        return nj_cli_eval_video(argc - 1, argv + 1);
    return nj_cli_fail("eval", NJ_EXIT_USAGE, "say mot or video; see nightjar --help");
}
