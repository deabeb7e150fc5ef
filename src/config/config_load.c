// SPDX-License-Identifier: Apache-2.0
// Loading: defaults, then the file, then the environment, then --set; each may replace what was
// there.
#include "config/config.h"

#include "config/config_name_priv.h"
#include "config/config_priv.h"
#include "config/config_value_priv.h"

#include <stdlib.h>
#include <string.h>

struct load {
    const struct nj_config_input *input;
    struct nj_config *config;
    struct nj_binder binder;
    struct nj_arena nodes; // the read file; goes when the load ends
};

static int fail_nomem(struct load *load)
{
    return nj_error_set(load->binder.err, NJ_E_NOMEM, "configuration: out of memory");
}

static int fill_section(struct load *load, struct nj_config_section *section)
{
    const struct nj_option_group *group = section->group;
    struct nj_arena *arena = &load->config->arena;
    section->values = nj_arena_alloc(arena, 1, group->struct_size);
    section->dotted = nj_arena_alloc(arena, group->count, sizeof(section->dotted[0]));
    if (!section->values || !section->dotted)
        return fail_nomem(load);
    for (size_t i = 0; i < group->count; i++) {
        char name[NJ_CONFIG_NAME_MAX];
        nj_option_dotted_name(group, &group->options[i], name, sizeof(name));
        section->dotted[i] = nj_arena_text(arena, name, strlen(name));
        if (!section->dotted[i])
            return fail_nomem(load);
    }
    return nj_group_defaults(&load->binder, group, section->values);
}

static int load_defaults(struct load *load)
{
    struct nj_config *config = load->config;
    size_t count = 0;
    while (load->input->groups[count])
        count++;
    config->sections = nj_arena_alloc(&config->arena, count, sizeof(config->sections[0]));
    if (!config->sections)
        return fail_nomem(load);
    config->count = count;
    for (size_t i = 0; i < count; i++) {
        config->sections[i].group = load->input->groups[i];
        int code = fill_section(load, &config->sections[i]);
        if (code != 0)
            return code;
    }
    return 0;
}

// The option that a list directly under the group's name fills.
static const struct nj_option *list_option(const struct nj_option_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        if (group->options[i].type == NJ_OPTION_OBJECTS)
            return &group->options[i];
    }
    return NULL;
}

static int load_group_list(struct load *load, const struct nj_config_section *section,
                           const struct nj_node *node)
{
    const struct nj_option *option = list_option(section->group);
    if (!option)
        return nj_place_error(load->binder.err, NJ_E_INVALID, node->place,
                              "%s: expected a mapping of settings, got a list",
                              section->group->name);
    const struct nj_binding binding = {
        .binder = &load->binder,
        .option = option,
        .name = section->group->name,
        .field = (char *)section->values + option->offset,
        .place = node->place,
    };
    return nj_value_set_node(&binding, node);
}

static int load_group(struct load *load, const struct nj_node *node)
{
    const struct nj_option_group *group = nj_group_find(load->input->groups, node->key);
    if (!group) {
        char hint[NJ_CONFIG_NAME_MAX + 32];
        nj_suggest_group(load->input->groups, node->key, hint, sizeof(hint));
        return nj_place_error(load->binder.err, NJ_E_INVALID, node->key_place,
                              "%s: unknown group of settings%s", node->key, hint);
    }
    const struct nj_config_section *section = nj_config_section_find(load->config, group);
    switch (node->kind) {
    case NJ_NODE_NULL:
        return 0;
    case NJ_NODE_MAP:
        return nj_group_set_node(&load->binder, group, group->name, section->values, node);
    case NJ_NODE_LIST:
        return load_group_list(load, section, node);
    case NJ_NODE_SCALAR:
        break;
    }
    return nj_place_error(load->binder.err, NJ_E_INVALID, node->place,
                          "%s: expected a mapping of settings, got a single value", group->name);
}

static int load_file(struct load *load)
{
    if (!load->input->file_path)
        return 0;
    struct nj_node *root = NULL;
    int code = nj_node_parse_file(&load->nodes, load->input->file_path, &root, load->binder.err);
    if (code != 0 || !root)
        return code;
    if (root->kind != NJ_NODE_MAP)
        return nj_place_error(load->binder.err, NJ_E_INVALID, root->place,
                              "expected a mapping of groups, got a list");
    for (const struct nj_node *node = root->first; node; node = node->next) {
        code = load_group(load, node);
        if (code != 0)
            return code;
    }
    return 0;
}

static int load_env_option(struct load *load, const struct nj_config_section *section, size_t index)
{
    static const char prefix[] = "environment ";
    char source[sizeof(prefix) + NJ_CONFIG_NAME_MAX];
    memcpy(source, prefix, sizeof(prefix));
    char *name = source + sizeof(prefix) - 1;
    const struct nj_option *option = &section->group->options[index];
    nj_option_env_name(section->group, option, name, NJ_CONFIG_NAME_MAX);
    const char *value = nj_environment_get(load->input->environment, name);
    if (!value)
        return 0;
    const struct nj_binding binding = {
        .binder = &load->binder,
        .option = option,
        .name = section->dotted[index],
        .field = (char *)section->values + option->offset,
        .place = {.source = source},
    };
    return nj_value_set_text(&binding, value);
}

static bool env_name_known(const struct load *load, const char *name)
{
    for (size_t i = 0; i < load->config->count; i++) {
        const struct nj_option_group *group = load->config->sections[i].group;
        for (size_t k = 0; k < group->count; k++) {
            char known[NJ_CONFIG_NAME_MAX];
            nj_option_env_name(group, &group->options[k], known, sizeof(known));
            if (strcmp(known, name) == 0)
                return true;
        }
    }
    return false;
}

// Names with our prefix can only be meant for us; all others may belong to anybody.
static int check_env_names(struct load *load)
{
    const char *const *environment = load->input->environment;
    for (size_t i = 0; environment[i]; i++) {
        if (strncmp(environment[i], "NIGHTJAR_", 9) != 0)
            continue;
        char name[NJ_CONFIG_NAME_MAX];
        size_t length = strcspn(environment[i], "=");
        if (length >= sizeof(name))
            length = sizeof(name) - 1;
        memcpy(name, environment[i], length);
        name[length] = '\0';
        if (env_name_known(load, name))
            continue;
        char hint[NJ_CONFIG_NAME_MAX + 32];
        nj_suggest_env(load->input->groups, name, hint, sizeof(hint));
        return nj_error_set(load->binder.err, NJ_E_INVALID, "environment %s: unknown setting%s",
                            name, hint);
    }
    return 0;
}

static int load_environment(struct load *load)
{
    if (!load->input->environment)
        return 0;
    for (size_t i = 0; i < load->config->count; i++) {
        const struct nj_config_section *section = &load->config->sections[i];
        for (size_t k = 0; k < section->group->count; k++) {
            int code = load_env_option(load, section, k);
            if (code != 0)
                return code;
        }
    }
    return check_env_names(load);
}

static int set_unknown(struct load *load, const struct nj_option_group *group, const char *dotted)
{
    char hint[NJ_CONFIG_NAME_MAX + 32];
    const char *what = "setting";
    const char *point = strchr(dotted, '.');
    if (group && point) {
        nj_suggest_option(&load->binder, group, point + 1, hint, sizeof(hint));
    } else {
        what = "group of settings";
        char name[NJ_CONFIG_NAME_MAX];
        size_t length = strcspn(dotted, ".");
        memcpy(name, dotted, length);
        name[length] = '\0';
        nj_suggest_group(load->input->groups, name, hint, sizeof(hint));
    }
    return nj_error_set(load->binder.err, NJ_E_INVALID, "--set: %s: unknown %s%s", dotted, what,
                        hint);
}

static int load_set(struct load *load, const char *text)
{
    char dotted[NJ_CONFIG_NAME_MAX];
    size_t length = strcspn(text, "=");
    const char *first_point = memchr(text, '.', length);
    if (text[length] != '=' || length >= sizeof(dotted) || !first_point)
        return nj_error_set(load->binder.err, NJ_E_INVALID, "--set: expected group.name=value");
    memcpy(dotted, text, length);
    dotted[length] = '\0';
    char *point = dotted + (first_point - text);
    *point = '\0';
    const struct nj_option_group *group = nj_group_find(load->input->groups, dotted);
    const struct nj_option *option = group ? nj_option_find(group, point + 1) : NULL;
    *point = '.';
    if (!option)
        return set_unknown(load, group, dotted);
    const struct nj_config_section *section = nj_config_section_find(load->config, group);
    const struct nj_binding binding = {
        .binder = &load->binder,
        .option = option,
        .name = dotted,
        .field = (char *)section->values + option->offset,
        .place = {.source = "--set"},
    };
    return nj_value_set_text(&binding, text + length + 1);
}

static int load_list(struct load *load, const char *const *sets)
{
    for (size_t i = 0; sets && sets[i]; i++) {
        int code = load_set(load, sets[i]);
        if (code != 0)
            return code;
    }
    return 0;
}

static int load_sets(struct load *load)
{
    return load_list(load, load->input->sets);
}

static int load_other_defaults(struct load *load)
{
    return load_list(load, load->input->defaults);
}

int nj_config_load(const struct nj_config_input *input, struct nj_config **out,
                   struct nj_error *err)
{
    struct nj_config *config = calloc(1, sizeof(*config));
    if (!config)
        return nj_error_set(err, NJ_E_NOMEM, "configuration: out of memory");
    nj_ref_init(&config->ref);
    struct load load = {
        .input = input,
        .config = config,
        .binder = {.arena = &config->arena,
                   .groups = input->groups,
                   .environment = input->environment,
                   .err = err},
    };
    static int (*const steps[])(struct load *) = {load_defaults, load_other_defaults, load_file,
                                                  load_environment, load_sets};
    int code = 0;
    for (size_t i = 0; code == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        code = steps[i](&load);
    nj_arena_finish(&load.nodes);
    if (code != 0) {
        nj_config_unref(config);
        return code;
    }
    *out = config;
    return 0;
}
