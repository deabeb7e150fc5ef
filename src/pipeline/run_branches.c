// SPDX-License-Identifier: Apache-2.0
// The way through the tree: a node's actions, its branches beside each other or one by one, the
// actions after them.
#include "pipeline/executor_priv.h"

static void start_branches(struct nj_run_node *node);

static void end_branch(struct nj_run_node *branch)
{
    struct nj_run_node *parent = branch->parent;
    parent->under_way--;
    if (!parent->starting)
        start_branches(parent);
}

static void end_node(struct nj_run_node *node)
{
    nj_run_actions_after(node);
    if (node->parent != NULL)
        end_branch(node);
    else
        nj_run_end(node->work, 0, NULL);
}

static void start_branch(struct nj_run_node *branch)
{
    branch->parent->under_way++;
    if (branch->inferred) // when it was looked whether others would run
        nj_run_branch_inferred(branch);
    else
        nj_run_infer(branch);
}

static void start_branches(struct nj_run_node *node)
{
    char why[NJ_RUN_WHY_SIZE];
    struct nj_run_work *work = node->work;
    node->starting = true;
    while (node->next_branch < node->spec->branch_count &&
           (node->in_parallel || node->under_way == 0)) {
        struct nj_run_node *branch =
            nj_run_node_of(work, &node->spec->branches[node->next_branch++]);
        if (nj_run_trigger(branch, why) != NULL)
            start_branch(branch);
        else
            nj_loaded_pipeline_note(work->pipeline, branch->spec->index, NJ_NODE_SKIPPED, 0);
    }
    node->starting = false;
    if (node->under_way == 0 && node->next_branch == node->spec->branch_count)
        end_node(node);
}

void nj_run_act(struct nj_run_node *node)
{
    char why[NJ_RUN_WHY_SIZE];
    node->in_parallel = node->spec->parallel;
    for (size_t i = 0; i < node->spec->branch_count; i++) {
        const struct nj_run_node *branch = nj_run_node_of(node->work, &node->spec->branches[i]);
        if (branch->spec->parallel && nj_run_trigger(branch, why) != NULL)
            node->in_parallel = true;
    }
    nj_run_actions_before(node);
    start_branches(node);
}

// As the root would be: nothing of it is done, and what was looked at below it before is no result.
static void refuse_branch(struct nj_run_node *branch)
{
    branch->outcome = NJ_NODE_NONE;
    for (size_t i = 0; i < branch->spec->branch_count; i++)
        refuse_branch(nj_run_node_of(branch->work, &branch->spec->branches[i]));
}

void nj_run_branch_inferred(struct nj_run_node *branch)
{
    char why[NJ_RUN_WHY_SIZE];
    if (branch->outcome == NJ_NODE_OK) {
        if (nj_run_check_classes(branch, why) && nj_run_check_branches(branch, why)) {
            nj_run_act(branch);
            return;
        }
        refuse_branch(branch);
    }
    end_branch(branch);
}
