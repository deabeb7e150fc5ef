// SPDX-License-Identifier: Apache-2.0
// The known name that a mistyped one was likely meant to be.
#include "util/nearest.h"

#include "util/text.h"

#include <limits.h>
#include <string.h>

void nj_nearest_begin(struct nj_nearest *nearest, const char *word)
{
    *nearest = (struct nj_nearest){.word = word, .distance = UINT_MAX};
}

void nj_nearest_consider(struct nj_nearest *nearest, const char *name, const char *shown)
{
    const size_t length = strlen(nearest->word), other = strlen(name);
    const size_t longer = length > other ? length : other;
    const unsigned distance =
        nj_text_equal_nocase(nearest->word, name) ? 0 : nj_text_distance(nearest->word, name);
    // More than a third of the letters wrong is another word, and no typing mistake.
    if (distance > (longer - nearest->told) / 3 || distance >= nearest->distance)
        return;
    nearest->distance = distance;
    nj_text_copy(nearest->best, sizeof nearest->best, shown);
}
