// SPDX-License-Identifier: Apache-2.0
// A camera that gives single pictures over HTTP.
#include "sources/source_driver.h"

static int create(const struct nj_source_entry *entry, void **out, struct nj_error *err)
{
    (void)entry;
    (void)out;
    return nj_error_set(err, NJ_E_UNSUPPORTED, "snapshots are not offered");
}

static void destroy(void *state)
{
    (void)state;
}

static int play(void *state, struct nj_source *source, struct nj_error *err)
{
    (void)state;
    (void)source;
    return nj_error_set(err, NJ_E_UNSUPPORTED, "snapshots are not offered");
}

const struct nj_source_driver nj_source_snapshot = {
    .create = create,
    .destroy = destroy,
    .play = play,
};
