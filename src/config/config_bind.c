// SPDX-License-Identifier: Apache-2.0
// Nodes into structs: mappings, lists and objects, guided by the tables; and the defaults.
#include "config/config_name_priv.h"
#include "config/config_value_priv.h"

#include <stdio.h>
#include <string.h>

static const char *node_noun(const struct nj_node *node)
{
    switch (node->kind) {
    case NJ_NODE_LIST:
        return "a list";
    case NJ_NODE_MAP:
        return "a mapping";
    default:
        return "a single value";
    }
}

static int fail_nomem(const struct nj_binder *binder, const char *name)
{
    return nj_error_set(binder->err, NJ_E_NOMEM, "%s: out of memory", name);
}

static bool is_list_type(enum nj_option_type type)
{
    return type == NJ_OPTION_TEXT_LIST || type == NJ_OPTION_OBJECTS;
}

// An empty default of a text or list is "not given", whatever the minimum says.
static int set_default(const struct nj_binding *binding)
{
    const struct nj_option *option = binding->option;
    const char *fallback = option->fallback ? option->fallback : "";
    bool text = option->type == NJ_OPTION_TEXT || option->type == NJ_OPTION_PATH;
    if (*fallback == '\0' && is_list_type(option->type))
        return 0; // the struct is zeroed
    if (*fallback == '\0' && text) {
        *(const char **)binding->field = "";
        return 0;
    }
    return nj_value_set_text(binding, fallback);
}

int nj_group_defaults(const struct nj_binder *binder, const struct nj_option_group *group,
                      void *base)
{
    for (size_t i = 0; i < group->count; i++) {
        char name[NJ_CONFIG_NAME_MAX];
        nj_option_dotted_name(group, &group->options[i], name, sizeof(name));
        const struct nj_binding binding = {
            .binder = binder,
            .option = &group->options[i],
            .name = name,
            .field = (char *)base + group->options[i].offset,
            .place = {.source = "default"},
        };
        int code = set_default(&binding);
        if (code == NJ_E_INVALID && binder->err)
            binder->err->code = NJ_E_INTERNAL;
        if (code != 0)
            return code == NJ_E_INVALID ? NJ_E_INTERNAL : code;
        const size_t told = group->options[i].group_name_offset;
        if (told != 0)
            *(const char **)(void *)((char *)base + told) = group->name;
    }
    return 0;
}

static int set_text_list(const struct nj_binding *binding, const struct nj_node *node)
{
    struct nj_arena *arena = binding->binder->arena;
    const char **items = nj_arena_alloc(arena, node->count, sizeof(items[0]));
    if (!items)
        return fail_nomem(binding->binder, binding->name);
    size_t count = 0;
    for (const struct nj_node *item = node->first; item; item = item->next) {
        struct nj_binding one = *binding;
        one.place = item->place;
        if (item->kind != NJ_NODE_SCALAR)
            return nj_binding_error(&one, "expected a text in the list, got %s",
                                    item->kind == NJ_NODE_NULL ? "nothing" : node_noun(item));
        items[count] = nj_arena_text(arena, item->text, strlen(item->text));
        if (!items[count])
            return fail_nomem(binding->binder, binding->name);
        int code =
            binding->option->secret ? nj_secret_resolve(&one, items[count], &items[count]) : 0;
        if (code != 0)
            return code;
        count++;
    }
    int code = nj_value_check_range(binding, (double)count);
    if (code == 0)
        *(struct nj_text_list *)binding->field = (struct nj_text_list){items, count};
    return code;
}

static bool member_given(const struct nj_node *node, const struct nj_option *member)
{
    for (const struct nj_node *child = node->first; child; child = child->next) {
        if (strcmp(child->key, member->name) == 0)
            return child->kind != NJ_NODE_NULL;
    }
    return false;
}

static bool member_required(const struct nj_option *member)
{
    bool countable = is_list_type(member->type) || member->type == NJ_OPTION_TEXT ||
                     member->type == NJ_OPTION_PATH;
    return countable && member->min >= 1 && (!member->fallback || !*member->fallback);
}

int nj_object_set_node(const struct nj_binder *binder, const struct nj_option_group *members,
                       const char *name, void *base, const struct nj_node *node)
{
    const struct nj_binding whole = {.binder = binder, .name = name, .place = node->place};
    if (node->kind != NJ_NODE_MAP)
        return nj_binding_error(&whole, "expected a mapping, got %s",
                                node->kind == NJ_NODE_NULL ? "nothing" : node_noun(node));
    int code = nj_group_defaults(binder, members, base);
    if (code == 0)
        code = nj_group_set_node(binder, members, name, base, node);
    for (size_t i = 0; code == 0 && i < members->count; i++) {
        if (member_required(&members->options[i]) && !member_given(node, &members->options[i]))
            code = nj_binding_error(&whole, "%s must be given", members->options[i].name);
    }
    return code;
}

static int set_objects(const struct nj_binding *binding, const struct nj_node *node)
{
    size_t size = binding->option->members->struct_size;
    char *items = nj_arena_alloc(binding->binder->arena, node->count, size);
    if (!items)
        return fail_nomem(binding->binder, binding->name);
    size_t index = 0;
    for (const struct nj_node *item = node->first; item; item = item->next, index++) {
        char name[NJ_CONFIG_NAME_MAX];
        snprintf(name, sizeof(name), "%s[%zu]", binding->name, index);
        int code = nj_object_set_node(binding->binder, binding->option->members, name,
                                      items + index * size, item);
        if (code != 0)
            return code;
    }
    int code = nj_value_check_range(binding, (double)node->count);
    if (code == 0)
        *(struct nj_object_list *)binding->field = (struct nj_object_list){items, node->count};
    return code;
}

int nj_value_set_node(const struct nj_binding *binding, const struct nj_node *node)
{
    if (!node || node->kind == NJ_NODE_NULL)
        return 0;
    if (node->kind == NJ_NODE_SCALAR)
        return nj_value_set_text(binding, node->text);
    if (node->kind == NJ_NODE_LIST && binding->option->type == NJ_OPTION_TEXT_LIST)
        return set_text_list(binding, node);
    if (node->kind == NJ_NODE_LIST && binding->option->type == NJ_OPTION_OBJECTS)
        return set_objects(binding, node);
    return nj_binding_error(binding, "expected %s, got %s",
                            is_list_type(binding->option->type) ? "a list" : "a single value",
                            node_noun(node));
}

int nj_group_set_node(const struct nj_binder *binder, const struct nj_option_group *group,
                      const char *name, void *base, const struct nj_node *node)
{
    for (const struct nj_node *child = node->first; child; child = child->next) {
        char dotted[NJ_CONFIG_NAME_MAX];
        snprintf(dotted, sizeof(dotted), "%s.%s", name, child->key);
        const struct nj_option *option = nj_option_find(group, child->key);
        if (!option) {
            char hint[NJ_CONFIG_NAME_MAX + 32];
            nj_suggest_option(binder, group, child->key, hint, sizeof(hint));
            return nj_place_error(binder->err, NJ_E_INVALID, child->key_place,
                                  "%s: unknown setting%s", dotted, hint);
        }
        const struct nj_binding binding = {
            .binder = binder,
            .option = option,
            .name = dotted,
            .field = (char *)base + option->offset,
            .place = child->place,
        };
        int code = nj_value_set_node(&binding, child);
        if (code != 0)
            return code;
    }
    return 0;
}
