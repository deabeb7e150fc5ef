// SPDX-License-Identifier: Apache-2.0
// Snapshots: counted, immutable once loaded, and compared option by option.
#include "config/config.h"

#include "config/config_priv.h"

#include <stdlib.h>
#include <string.h>

struct nj_config *nj_config_ref(struct nj_config *config)
{
    nj_ref_take(&config->ref);
    return config;
}

void nj_config_unref(struct nj_config *config)
{
    if (!config || !nj_ref_drop(&config->ref))
        return;
    nj_arena_finish(&config->arena);
    free(config);
}

struct nj_config_section *nj_config_section_find(const struct nj_config *config,
                                                 const struct nj_option_group *group)
{
    for (size_t i = 0; i < config->count; i++) {
        if (config->sections[i].group == group)
            return &config->sections[i];
    }
    return NULL;
}

const void *nj_config_get(const struct nj_config *config, const struct nj_option_group *group)
{
    const struct nj_config_section *section = nj_config_section_find(config, group);
    return section ? section->values : NULL;
}

static bool group_equal(const struct nj_option_group *group, const char *a, const char *b);

static bool text_list_equal(const struct nj_text_list *a, const struct nj_text_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

static bool objects_equal(const struct nj_option_group *members, const struct nj_object_list *a,
                          const struct nj_object_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        size_t offset = i * members->struct_size;
        if (!group_equal(members, (const char *)a->items + offset, (const char *)b->items + offset))
            return false;
    }
    return true;
}

static bool option_equal(const struct nj_option *option, const void *a, const void *b)
{
    switch (option->type) {
    case NJ_OPTION_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case NJ_OPTION_INT:
    case NJ_OPTION_SECONDS:
        return *(const int64_t *)a == *(const int64_t *)b;
    case NJ_OPTION_NUMBER:
        return memcmp(a, b, sizeof(double)) == 0;
    case NJ_OPTION_CHOICE:
        return *(const int *)a == *(const int *)b;
    case NJ_OPTION_TEXT:
    case NJ_OPTION_PATH:
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    case NJ_OPTION_TEXT_LIST:
        return text_list_equal(a, b);
    case NJ_OPTION_OBJECTS:
        return objects_equal(option->members, a, b);
    }
    return false;
}

static bool group_equal(const struct nj_option_group *group, const char *a, const char *b)
{
    for (size_t i = 0; i < group->count; i++) {
        size_t offset = group->options[i].offset;
        if (!option_equal(&group->options[i], a + offset, b + offset))
            return false;
    }
    return true;
}

bool nj_config_changed(const struct nj_config *before, const struct nj_config *after,
                       const struct nj_option_group *group, const char **out_fixed)
{
    if (out_fixed)
        *out_fixed = NULL;
    const struct nj_config_section *old = nj_config_section_find(before, group);
    const struct nj_config_section *new = nj_config_section_find(after, group);
    if (!old || !new)
        return old != new;
    bool changed = false;
    for (size_t i = 0; i < group->count; i++) {
        const struct nj_option *option = &group->options[i];
        if (option_equal(option, (const char *)old->values + option->offset,
                         (const char *)new->values + option->offset))
            continue;
        changed = true;
        if (out_fixed && !*out_fixed && !option->reloadable)
            *out_fixed = new->dotted[i];
    }
    return changed;
}
