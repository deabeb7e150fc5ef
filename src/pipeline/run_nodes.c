// SPDX-License-Identifier: Apache-2.0
// What a node saw, which branches that makes run, and what is missing before anything may be done.
#include "pipeline/executor_priv.h"

#include "util/text.h"

#include <stdio.h>
#include <string.h>

struct nj_run_node *nj_run_node_of(struct nj_run_work *work, const struct nj_spec_node *spec)
{
    return &work->nodes[spec->index];
}

const struct nj_run_detection *nj_run_region(const struct nj_run_node *node, const char *label)
{
    for (size_t i = 0; i < node->found_count; i++) {
        if (strcmp(node->found[i].label, label) == 0)
            return &node->found[i];
    }
    for (size_t i = 0; i < node->found_count; i++) {
        if (nj_text_equal_nocase(node->found[i].label, label))
            return &node->found[i];
    }
    return NULL;
}

static bool is_sure(const struct nj_run_node *branch, const struct nj_run_detection *region)
{
    return branch->spec->min_confidence < 0 ||
           (double)region->detection.confidence >= branch->spec->min_confidence;
}

static void say_unsure(const struct nj_run_node *branch, const struct nj_run_detection *region,
                       char *why)
{
    snprintf(why, NJ_RUN_WHY_SIZE, "%.40s %.2f is below %.2f", region->label,
             (double)region->detection.confidence, branch->spec->min_confidence);
}

const struct nj_run_detection *nj_run_trigger(const struct nj_run_node *branch, char *why)
{
    const struct nj_spec_names *classes = &branch->spec->trigger_classes;
    const struct nj_run_node *parent = branch->parent;
    snprintf(why, NJ_RUN_WHY_SIZE, "no %.60s was seen",
             classes->count > 0 ? classes->items[0] : "thing");
    if (classes->count == 0 && parent->found_count > 0) {
        if (is_sure(branch, &parent->found[0]))
            return &parent->found[0];
        say_unsure(branch, &parent->found[0], why);
    }
    // Of several classes the surest thing counts, not the class that was named first.
    const struct nj_run_detection *surest = NULL;
    for (size_t i = 0; i < classes->count; i++) {
        const struct nj_run_detection *region = nj_run_region(parent, classes->items[i]);
        if (region == NULL)
            continue;
        if (!is_sure(branch, region))
            say_unsure(branch, region, why);
        else if (surest == NULL || region->detection.confidence > surest->detection.confidence)
            surest = region;
    }
    return surest;
}

bool nj_run_check_classes(const struct nj_run_node *node, char *why)
{
    const struct nj_spec_names *expected = &node->spec->expected_classes;
    if (!node->spec->multi_class || expected->count == 0)
        return true;
    for (size_t i = 0; i < expected->count; i++) {
        if (nj_run_region(node, expected->items[i]) != NULL)
            return true;
    }
    snprintf(why, NJ_RUN_WHY_SIZE, "none of the expected classes was seen (%.60s%s)",
             expected->items[0], expected->count > 1 ? ", ..." : "");
    return false;
}

static struct nj_run_node *find_below(struct nj_run_node *node, const char *model_id)
{
    for (size_t i = 0; i < node->spec->branch_count; i++) {
        struct nj_run_node *branch = nj_run_node_of(node->work, &node->spec->branches[i]);
        if (strcmp(branch->spec->model_id, model_id) == 0)
            return branch;
        struct nj_run_node *deeper = find_below(branch, model_id);
        if (deeper != NULL)
            return deeper;
    }
    return NULL;
}

// Calls `see` for each branch that an action of the node waits for, until one returns false.
struct visit {
    bool (*see)(struct nj_run_node *top, struct nj_run_node *waited, char *why);
    char *why;
};

static bool visit_waited(struct nj_run_node *node, const struct visit *visit)
{
    for (size_t i = 0; i < node->spec->parallel_action_count; i++) {
        const struct nj_spec_names *names = &node->spec->parallel_actions[i].wait_for;
        for (size_t n = 0; n < names->count; n++) {
            struct nj_run_node *waited = find_below(node, names->items[n]);
            if (waited != NULL && !visit->see(node, waited, visit->why))
                return false;
        }
    }
    return true;
}

static bool mark_way(struct nj_run_node *top, struct nj_run_node *waited, char *why)
{
    (void)why;
    for (struct nj_run_node *node = waited->parent; node != top; node = node->parent)
        node->probed = true;
    return true;
}

void nj_run_mark_probes(struct nj_run_node *node)
{
    visit_waited(node, &(struct visit){.see = mark_way});
}

// Whether `branch`, on the way to what is waited for, runs as far as is known: what was not looked
// at yet, or could not be, is unknown and no reason to refuse.
static bool may_run(const struct nj_run_node *top, const struct nj_run_node *branch, char *reason)
{
    const struct nj_run_node *parent = branch->parent;
    if (parent != top && (!parent->inferred || parent->outcome == NJ_NODE_ERROR))
        return true;
    if (parent == top || parent->outcome == NJ_NODE_OK)
        return nj_run_trigger(branch, reason) != NULL;
    snprintf(reason, NJ_RUN_WHY_SIZE, "%.60s saw nothing for sure", parent->spec->model_id);
    return false;
}

static bool check_way(struct nj_run_node *top, struct nj_run_node *waited, char *why)
{
    char reason[NJ_RUN_WHY_SIZE];
    for (const struct nj_run_node *node = waited; node != top; node = node->parent) {
        if (may_run(top, node, reason))
            continue;
        snprintf(why, NJ_RUN_WHY_SIZE, "branch %.50s would not run: %.80s", waited->spec->model_id,
                 reason);
        return false;
    }
    return true;
}

bool nj_run_check_branches(struct nj_run_node *node, char *why)
{
    return visit_waited(node, &(struct visit){.see = check_way, .why = why});
}
