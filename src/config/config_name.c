// SPDX-License-Identifier: Apache-2.0
// Names of options: dotted, in the environment, and the nearest one to a mistyped name.
#include "config/config_name_priv.h"

#include "util/nearest.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>

void nj_option_dotted_name(const struct nj_option_group *group, const struct nj_option *option,
                           char *out, size_t size)
{
    snprintf(out, size, "%s.%s", group->name, option->name);
}

static void generated_env_name(const struct nj_option_group *group, const struct nj_option *option,
                               char *out, size_t size)
{
    snprintf(out, size, "NIGHTJAR_%s_%s", group->name, option->name);
    for (char *c = out; *c; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
        else if (!(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9'))
            *c = '_';
    }
}

void nj_option_env_name(const struct nj_option_group *group, const struct nj_option *option,
                        char *out, size_t size)
{
    if (option->env)
        nj_text_copy(out, size, option->env);
    else
        generated_env_name(group, option, out, size);
}

const struct nj_option_group *nj_group_find(const struct nj_option_group *const *groups,
                                            const char *name)
{
    for (size_t i = 0; groups[i]; i++) {
        if (strcmp(groups[i]->name, name) == 0)
            return groups[i];
    }
    return NULL;
}

const struct nj_option *nj_option_find(const struct nj_option_group *group, const char *name)
{
    for (size_t i = 0; i < group->count; i++) {
        if (strcmp(group->options[i].name, name) == 0)
            return &group->options[i];
    }
    return NULL;
}

static void write_hint(const struct nj_nearest *nearest, char *out, size_t size)
{
    if (nearest->best[0])
        snprintf(out, size, "; did you mean %s?", nearest->best);
    else
        nj_text_copy(out, size, "");
}

void nj_suggest_group(const struct nj_option_group *const *groups, const char *name, char *out,
                      size_t size)
{
    struct nj_nearest nearest;
    nj_nearest_begin(&nearest, name);
    for (size_t i = 0; groups[i]; i++)
        nj_nearest_consider(&nearest, groups[i]->name, groups[i]->name);
    write_hint(&nearest, out, size);
}

void nj_suggest_option(const struct nj_binder *binder, const struct nj_option_group *group,
                       const char *name, char *out, size_t size)
{
    struct nj_nearest nearest;
    nj_nearest_begin(&nearest, name);
    for (size_t i = 0; i < group->count; i++) {
        const char *candidate = group->options[i].name;
        nj_nearest_consider(&nearest, candidate, candidate);
    }
    // The right name in the wrong group beats a similar one in the right group.
    for (size_t i = 0; binder->groups[i]; i++) {
        const struct nj_option *option = nj_option_find(binder->groups[i], name);
        if (!option)
            continue;
        char dotted[NJ_CONFIG_NAME_MAX];
        nj_option_dotted_name(binder->groups[i], option, dotted, sizeof(dotted));
        nj_nearest_consider(&nearest, name, dotted);
    }
    write_hint(&nearest, out, size);
}

// How much of the name is what all of its group begin with, or all of the program.
static size_t common_env_prefix(const struct nj_option_group *const *groups, const char *name)
{
    static const char program[] = "NIGHTJAR_";
    static const struct nj_option none = {.name = ""};
    size_t longest = strncmp(name, program, sizeof(program) - 1) == 0 ? sizeof(program) - 1 : 0;
    for (size_t i = 0; groups[i]; i++) {
        char prefix[NJ_CONFIG_NAME_MAX];
        generated_env_name(groups[i], &none, prefix, sizeof(prefix));
        const size_t length = strlen(prefix);
        if (length > longest && strncmp(name, prefix, length) == 0)
            longest = length;
    }
    return longest;
}

void nj_suggest_env(const struct nj_option_group *const *groups, const char *name, char *out,
                    size_t size)
{
    struct nj_nearest nearest;
    nj_nearest_begin(&nearest, name);
    nearest.told = common_env_prefix(groups, name);
    for (size_t i = 0; groups[i]; i++) {
        for (size_t k = 0; k < groups[i]->count; k++) {
            const struct nj_option *option = &groups[i]->options[k];
            char env[NJ_CONFIG_NAME_MAX];
            nj_option_env_name(groups[i], option, env, sizeof(env));
            nj_nearest_consider(&nearest, env, env);
            // An option with a name of its own is often guessed with the common prefix.
            char generated[NJ_CONFIG_NAME_MAX];
            generated_env_name(groups[i], option, generated, sizeof(generated));
            nj_nearest_consider(&nearest, generated, env);
        }
    }
    write_hint(&nearest, out, size);
}
