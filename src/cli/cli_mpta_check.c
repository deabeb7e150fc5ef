// SPDX-License-Identifier: Apache-2.0
// nightjar mpta check: the tree of an archive with its models and their sums.
#include "cli/cli_mpta.h"
#include "detect/model.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { INDENT = 2, SHOWN_MAX = 128 };

struct checking {
    const struct nj_archive *archive;
    int depth;
    int64_t bytes; // of all models
    struct nj_error *err;
};

static const char *const task_names[NJ_TASK_COUNT] = {
    [NJ_TASK_DETECT] = "detects", [NJ_TASK_CLASSIFY] = "classifies", [NJ_TASK_RECOGNISE] = "reads"};

static void print_names(const char *title, const struct nj_spec_names *names)
{
    if (names->count == 0)
        return;
    printf(", %s", title);
    for (size_t i = 0; i < names->count; i++) {
        char shown[SHOWN_MAX];
        nj_text_printable(shown, sizeof shown, names->items[i]);
        printf("%s%s", i > 0 ? ", " : " ", shown);
    }
}

// Sum of the weights, compared with what the manifest says.
static int sum_weights(const struct nj_model *model, char out[NJ_SHA256_HEX_SIZE], int64_t *bytes,
                       struct nj_error *err)
{
    const int fd = open(model->weights_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return nj_error_errno(err, errno, "%s", model->weights_path);
    int rc = nj_sha256_fd_hex(fd, out, bytes, err);
    close(fd);
    if (rc == 0 && model->weights_sha256[0] != '\0' && strcmp(model->weights_sha256, out) != 0)
        rc = nj_error_set(err, NJ_E_INVALID, "its SHA-256 is %s, the manifest says %s", out,
                          model->weights_sha256);
    return rc;
}

static int print_model(struct checking *checking, const struct nj_spec_node *node)
{
    struct nj_model model = {0};
    char sha256[NJ_SHA256_HEX_SIZE];
    int64_t bytes = 0;
    int rc = nj_model_load(checking->archive->manifests[node->index], &model, checking->err);
    if (rc == 0)
        rc = sum_weights(&model, sha256, &bytes, checking->err);
    if (rc == 0) {
        const char *file = strrchr(model.weights_path, '/') + 1;
        printf("%*s  %s: %s at %" PRId32 "x%" PRId32 ", %" PRId64 " bytes, sha256 %s\n",
               checking->depth * INDENT, "", file, task_names[model.task], model.input.width,
               model.input.height, bytes, sha256);
        checking->bytes += bytes;
    } else {
        nj_error_prefix(checking->err, "%s: %s", node->path, node->model_file);
    }
    nj_model_finish(&model);
    return rc;
}

static void print_settings(const struct checking *checking, const struct nj_spec_node *node)
{
    printf("%*s%s", checking->depth * INDENT, "", node->model_id);
    print_names("on", &node->trigger_classes);
    print_names("expects", &node->expected_classes);
    if (node->min_confidence >= 0)
        printf(", from %g", node->min_confidence);
    if (node->crop)
        printf(", crops %s", node->crop_class[0] != '\0' ? node->crop_class : "what triggers it");
    if (node->straighten)
        printf(", straightens");
    if (node->resize_width > 0)
        printf(", resizes to %" PRId32 "x%" PRId32, node->resize_width, node->resize_height);
    if (node->tracking.enabled)
        printf(", tracks");
    putchar('\n');
}

static void print_actions(const struct checking *checking, const char *when,
                          const struct nj_spec_action *actions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct nj_spec_action *action = &actions[i];
        char shown[SHOWN_MAX];
        nj_text_printable(shown, sizeof shown,
                          action->table[0] != '\0' ? action->table : action->channel);
        printf("%*s  %s %s%s%s\n", checking->depth * INDENT, "", when,
               nj_action_kind_names[action->kind], shown[0] != '\0' ? " " : "", shown);
    }
}

static int print_node(struct checking *checking, const struct nj_spec_node *node)
{
    print_settings(checking, node);
    int rc = print_model(checking, node);
    print_actions(checking, "then", node->actions, node->action_count);
    checking->depth++;
    for (size_t i = 0; rc == 0 && i < node->branch_count; i++)
        rc = print_node(checking, &node->branches[i]);
    checking->depth--;
    print_actions(checking, "at last", node->parallel_actions, node->parallel_action_count);
    return rc;
}

static void print_servers(const struct nj_spec *spec)
{
    if (spec->redis.given)
        printf("redis %s:%d database %d\n", spec->redis.host, spec->redis.port,
               spec->redis.database);
    if (spec->postgresql.given)
        printf("postgresql %s:%d database %s\n", spec->postgresql.host, spec->postgresql.port,
               spec->postgresql.database);
}

int nj_cli_mpta_check(const struct nj_cli_mpta *mpta, int argc, char **argv, struct nj_error *err)
{
    struct nj_archive *archive = NULL;
    if (argc != 2) {
        nj_error_set(err, NJ_E_INVALID, "name one archive; see nightjar mpta --help");
        return NJ_EXIT_USAGE;
    }
    int rc = nj_archive_open(&mpta->archives, argv[1], &archive, err);
    if (rc != 0)
        return NJ_EXIT_FAILED;
    struct checking checking = {.archive = archive, .err = err};
    printf("sha256 %s\n", archive->sha256);
    print_servers(archive->spec);
    rc = print_node(&checking, &archive->spec->root);
    if (rc == 0)
        printf("%zu model%s, %" PRId64 " bytes\n", archive->spec->node_count,
               archive->spec->node_count == 1 ? "" : "s", checking.bytes);
    for (size_t i = 0; i < archive->spec->warnings.count; i++)
        printf("warning: %s\n", archive->spec->warnings.items[i]);
    nj_archive_unref(archive);
    return rc == 0 ? NJ_EXIT_OK : NJ_EXIT_FAILED;
}
