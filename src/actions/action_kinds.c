// SPDX-License-Identifier: Apache-2.0
// The visible array of action kinds, and what all of them share when templates are filled in.
#include "actions/action_priv.h"

#include "util/text.h"

#include <string.h>

static const struct nj_action_driver redis_save_image = {
    .kind = NJ_ACTION_REDIS_SAVE_IMAGE,
    .edge = NJ_EDGE_REDIS,
    .resolve = nj_action_resolve_image,
    .attempt = nj_action_try_image,
};
static const struct nj_action_driver redis_publish = {
    .kind = NJ_ACTION_REDIS_PUBLISH,
    .edge = NJ_EDGE_REDIS,
    .resolve = nj_action_resolve_message,
    .attempt = nj_action_try_publish,
};
static const struct nj_action_driver postgresql_create_record = {
    .kind = NJ_ACTION_POSTGRESQL_CREATE_RECORD,
    .edge = NJ_EDGE_FOREIGN,
    .resolve = nj_action_resolve_record,
    .attempt = nj_action_try_record,
    .tries_itself = true,
};
static const struct nj_action_driver postgresql_update = {
    .kind = NJ_ACTION_POSTGRESQL_UPDATE,
    .edge = NJ_EDGE_FOREIGN,
    .resolve = nj_action_resolve_record,
    .attempt = nj_action_try_record,
    .tries_itself = true,
};
static const struct nj_action_driver postgresql_update_combined = {
    .kind = NJ_ACTION_POSTGRESQL_UPDATE_COMBINED,
    .edge = NJ_EDGE_FOREIGN,
    .resolve = nj_action_resolve_record,
    .attempt = nj_action_try_record,
    .tries_itself = true,
};
static const struct nj_action_driver publish_message = {
    .kind = NJ_ACTION_PUBLISH_MESSAGE,
    .edge = NJ_EDGE_LOCAL,
    .resolve = nj_action_resolve_message,
    .attempt = nj_action_try_message,
};
static const struct nj_action_driver http_post = {
    .kind = NJ_ACTION_HTTP_POST,
    .edge = NJ_EDGE_HTTP,
    .resolve = nj_action_resolve_message,
    .attempt = nj_action_try_post,
};

const struct nj_action_driver *const nj_action_drivers[NJ_ACTION_KIND_COUNT] = {
    [NJ_ACTION_REDIS_SAVE_IMAGE] = &redis_save_image,
    [NJ_ACTION_REDIS_PUBLISH] = &redis_publish,
    [NJ_ACTION_POSTGRESQL_CREATE_RECORD] = &postgresql_create_record,
    [NJ_ACTION_POSTGRESQL_UPDATE] = &postgresql_update,
    [NJ_ACTION_POSTGRESQL_UPDATE_COMBINED] = &postgresql_update_combined,
    [NJ_ACTION_PUBLISH_MESSAGE] = &publish_message,
    [NJ_ACTION_HTTP_POST] = &http_post,
};

// Notices when a template asks for the key of the saved image.
struct watched {
    const struct nj_values *values;
    bool *names_image;
};

static struct nj_value lookup_watched(const void *context, const char *name)
{
    const struct watched *watched = context;
    if (strcmp(name, "image_key") == 0)
        *watched->names_image = true;
    return watched->values->lookup(watched->values->context, name);
}

int nj_action_resolve(struct nj_action_job *job, const struct nj_action_call *call,
                      struct nj_error *err)
{
    const struct watched watched = {call->values, &job->names_image};
    const struct nj_values values = {.lookup = lookup_watched, .context = &watched};
    return job->driver->resolve(job, call, &values, err);
}
