// SPDX-License-Identifier: Apache-2.0
// What the tests of detection share: models written on the spot, frames of one colour.
#ifndef NJ_TESTS_DETECT_HELPER_H
#define NJ_TESTS_DETECT_HELPER_H

#include "detect/decoder_priv.h"
#include "detect/detect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

// A model without weights: `classes` classes named c0, c1 ..., input side px square.
void make_model(struct nj_model *out, enum nj_model_decoder decoder, int32_t side_px,
                int32_t classes);

// An info with one output [1, a, b]; b == 0: [1, a].
struct nj_engine_info make_info(int64_t a, int64_t b);

// An I420 frame of one grey.
struct nj_frame *make_frame(int32_t width, int32_t height);

// A temporary folder, and its removal with the files in it.
void make_folder(char out[64]);
void remove_folder(const char *folder);
// The same with small networks of every family, which Node writes; false: there is no Node.
bool make_networks(char out[64]);
void skip_without_networks(bool written);
void write_file(const char *folder, const char *name, const char *text);

// Options with defaults that suit tests: null engine, no model.
struct nj_detect_options make_options(void);

// The folder of the project's manifests.
#define MODELS_FOLDER NJ_TEST_SOURCE_DIR "/models"

#endif
