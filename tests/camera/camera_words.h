// SPDX-License-Identifier: Apache-2.0
// Words of the test camera's line protocol, such as "lose=10" and "frozen".
#ifndef NJ_CAMERA_WORDS_H
#define NJ_CAMERA_WORDS_H

#include "tests/fake/rtsp_camera.h"

#include <stddef.h>

enum { CAMERA_WORDS_MAX = 32 };

// Cuts `line` at blanks; at most CAMERA_WORDS_MAX words.
size_t camera_words_split(char *line, char *words[CAMERA_WORDS_MAX]);
// NJ_E_INVALID for a word that is not known. `faults` and `mount` keep what no word names; texts in
// `mount` point into the words.
int camera_words_fault(const char *word, struct nj_test_camera_faults *faults);
int camera_words_mount(char *word, struct nj_test_camera_mount *mount);

#endif
