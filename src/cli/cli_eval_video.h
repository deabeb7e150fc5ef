// SPDX-License-Identifier: Apache-2.0
// The command `nightjar eval video`: detection and tracking from pixels against ground truth.
#ifndef NJ_CLI_CLI_EVAL_VIDEO_H
#define NJ_CLI_CLI_EVAL_VIDEO_H

// argv[0] is the command's own name. Decodes --video, detects and tracks persons on every frame,
// prints the tracker's metrics against --gt (MOT file, frame k of the video is frame k there).
// Returns the program's exit code: 0, 1 on failure, 2 on wrong usage.
int nj_cli_eval_video(int argc, char **argv);

#endif
