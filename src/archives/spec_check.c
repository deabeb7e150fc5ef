// SPDX-License-Identifier: Apache-2.0
// Checks of a whole tree: ids that stand twice, branches that are waited for, names in templates.
#include "archives/spec_priv.h"

#include "util/mem.h"

#include <stdio.h>
#include <string.h>

// What the executor knows of each run, beside the results of the models.
static const char *const known_names[] = {
    "display_id", "camera_id",  "subscription_id",
    "session_id", "timestamp",  "timestamp_ms",
    "uuid",       "filename",   "image_key",
    "class",      "confidence", "track_id",
    "x",          "y",          "w",
    "h",          "model_id",   "bbox",
    "text",       "brand",      "body_type",
    "model",      "year",       "color",
};

int nj_spec_each(struct nj_spec_node *node, int (*see)(struct nj_spec_node *node, void *arg),
                 void *arg)
{
    int rc = see(node, arg);
    for (size_t i = 0; rc == 0 && i < node->branch_count; i++)
        rc = nj_spec_each(&node->branches[i], see, arg);
    return rc;
}

static void go_to(struct nj_spec_reader *reader, const char *path, const char *name)
{
    snprintf(reader->path, sizeof reader->path, "%s.%s", path, name);
}

static int check_id(struct nj_spec_node *node, void *arg)
{
    struct nj_spec_reader *reader = arg;
    // The first with this id in reading order is this node itself, or it stands twice.
    const struct nj_spec_node *first = nj_spec_find(reader->spec, node->model_id);
    if (first == node)
        return 0;
    go_to(reader, node->path, "modelId");
    return nj_spec_fail(reader, NJ_E_INVALID, "'%s' stands already at %s; each id stands once",
                        node->model_id, first->path);
}

static const struct nj_spec_node *find_below(const struct nj_spec_node *node, const char *model_id)
{
    for (size_t i = 0; i < node->branch_count; i++) {
        const struct nj_spec_node *branch = &node->branches[i];
        if (strcmp(branch->model_id, model_id) == 0)
            return branch;
        const struct nj_spec_node *found = find_below(branch, model_id);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static int check_waits(struct nj_spec_reader *reader, const struct nj_spec_node *node,
                       const struct nj_spec_action *action)
{
    for (size_t i = 0; i < action->wait_for.count; i++) {
        const char *name = action->wait_for.items[i];
        if (find_below(node, name) != NULL)
            continue;
        char place[64];
        snprintf(place, sizeof place, "waitForBranches[%zu]", i);
        go_to(reader, action->path, place);
        return nj_spec_fail(reader, NJ_E_INVALID, "'%s' is no branch below '%s'", name,
                            node->model_id);
    }
    return 0;
}

static bool is_known(const struct nj_spec *spec, const char *name)
{
    const char *dot = strchr(name, '.');
    char model_id[NJ_TEMPLATE_NAME_SIZE];
    if (dot != NULL) {
        snprintf(model_id, sizeof model_id, "%.*s", (int)(dot - name), name);
        return nj_spec_find(spec, model_id) != NULL;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(known_names); i++) {
        if (strcmp(known_names[i], name) == 0)
            return true;
    }
    return false;
}

static struct nj_spec_hint suggest_name(const char *name)
{
    struct nj_member names[NJ_COUNT_OF(known_names)] = {{0}};
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++)
        names[i].name = known_names[i];
    return nj_spec_suggest(name, &(struct nj_members){names, NJ_COUNT_OF(names)});
}

static int check_template(struct nj_spec_reader *reader, const char *path,
                          const struct nj_template *template_)
{
    int rc = 0;
    for (size_t i = 0; template_ != NULL && rc == 0 && i < nj_template_name_count(template_); i++) {
        const char *name = nj_template_name(template_, i);
        if (is_known(reader->spec, name))
            continue;
        snprintf(reader->path, sizeof reader->path, "%s", path);
        if (strchr(name, '.') != NULL)
            rc = nj_spec_warn(reader, "'{%s}': this archive has no model of that name", name);
        else
            rc = nj_spec_warn(reader, "'{%s}' is not known%s", name, suggest_name(name).text);
    }
    return rc;
}

static int check_action(struct nj_spec_reader *reader, const struct nj_spec_node *node,
                        const struct nj_spec_action *action)
{
    int rc = check_waits(reader, node, action);
    rc = rc != 0 ? rc : check_template(reader, action->path, action->key);
    rc = rc != 0 ? rc : check_template(reader, action->path, action->message);
    rc = rc != 0 ? rc : check_template(reader, action->path, action->key_value);
    for (size_t i = 0; rc == 0 && i < action->field_count; i++)
        rc = check_template(reader, action->path, action->fields[i].value);
    return rc;
}

static int check_actions(struct nj_spec_node *node, void *arg)
{
    struct nj_spec_reader *reader = arg;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < node->action_count; i++) {
        const struct nj_spec_action *action = &node->actions[i];
        if (action->wait_for.count > 0) {
            go_to(reader, action->path, "waitForBranches");
            return nj_spec_fail(reader, NJ_E_INVALID,
                                "'actions' run before the branches: put this action into "
                                "'parallelActions'");
        }
        rc = check_action(reader, node, action);
    }
    for (size_t i = 0; rc == 0 && i < node->parallel_action_count; i++)
        rc = check_action(reader, node, &node->parallel_actions[i]);
    return rc;
}

int nj_spec_check(struct nj_spec_reader *reader)
{
    struct nj_spec_node *root = &reader->spec->root;
    const int rc = nj_spec_each(root, check_id, reader);
    return rc != 0 ? rc : nj_spec_each(root, check_actions, reader);
}
