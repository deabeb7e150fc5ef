// SPDX-License-Identifier: Apache-2.0
// Real H.264 and H.265 files for tests, made once by tools/make-test-video and kept in the build
// folder.
#ifndef NJ_FAKE_TEST_VIDEO_H
#define NJ_FAKE_TEST_VIDEO_H

#include "tests/fake/temp_dir.h"

// Path of the video ("small", "small-slices", "small-b", "small-h265", "small-audio", "small-wide",
// "small-still", "huge", "street", "bench1".."bench4") in `out` of NJ_TEMP_PATH_MAX bytes, which is
// returned. The test fails with the tool's words when it cannot be made.
const char *nj_test_video(const char *name, char *out);

#endif
