// SPDX-License-Identifier: Apache-2.0
// Real H.264 files for tests.
#include "tests/fake/test_video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

const char *nj_test_video(const char *name, char *out)
{
    char command[NJ_TEMP_PATH_MAX];
    snprintf(command, sizeof(command), "'%s/tools/make-test-video' '%s'", NJ_FAKE_SOURCE_DIR, name);
    FILE *tool = popen(command, "re");
    assert_non_null(tool);
    out[0] = '\0';
    char *line = fgets(out, NJ_TEMP_PATH_MAX, tool);
    assert_int_equal(pclose(tool), 0);
    assert_non_null(line);
    out[strcspn(out, "\n")] = '\0';
    return out;
}
