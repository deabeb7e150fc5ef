// SPDX-License-Identifier: Apache-2.0
// Settings and data folders that the tests of tracking share.
#include "tests/unit/track/track_helper.h"

#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void track_helper_defaults(const struct nj_option_group *group, void *out)
{
    memset(out, 0, group->struct_size);
    for (size_t i = 0; i < group->count; i++) {
        const struct nj_option *option = &group->options[i];
        double value = 0;
        if (nj_text_to_double(option->fallback, &value) < 0)
            abort();
        void *at = (char *)out + option->offset;
        if (option->type == NJ_OPTION_NUMBER)
            *(double *)at = value;
        else if (option->type == NJ_OPTION_SECONDS)
            *(int64_t *)at = (int64_t)(value * NJ_US_PER_S);
        else
            *(int64_t *)at = (int64_t)value;
    }
}

bool track_helper_data_path(const char *name, char *out, size_t size)
{
    const char *folder = getenv("NIGHTJAR_MOT_DIR");
    if (folder != NULL)
        snprintf(out, size, "%s/%s", folder, name);
    else
        snprintf(out, size, "%s/../shared/data/mot/%s", NJ_TEST_SOURCE_DIR, name);
    return access(out, R_OK) == 0;
}
