// SPDX-License-Identifier: Apache-2.0
// nightjar eval: measures tracking and detection against ground truth.
#include "cli/cli_eval.h"

#include "util/json_writer.h"
#include "util/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { JSON_BYTES_MAX = 64 << 10 };

static int measure(const char *gt_path, const struct nj_mot_table *result,
                   struct nj_mot_metrics *out, struct nj_error *err)
{
    struct nj_mot_table gt = {0};
    struct nj_mot_sums *sums = NULL;
    int rc = nj_mot_read(gt_path, &gt, err);
    if (rc == 0 && nj_mot_sums_create(&sums) < 0)
        rc = nj_error_set(err, NJ_E_NOMEM, "no memory for the metrics");
    if (rc == 0)
        rc = nj_mot_sums_add(sums, &gt, result, err);
    if (rc == 0)
        nj_mot_sums_metrics(sums, out);
    nj_mot_sums_destroy(sums);
    nj_mot_free(&gt);
    return rc;
}

// Detections have no ids (-1); where all rows have one, somebody tracked them.
static bool are_tracks(const struct nj_mot_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].id <= 0)
            return false;
    return table->count > 0;
}

int nj_cli_eval_run(const struct nj_cli_eval_task *task, struct nj_mot_metrics *out,
                    struct nj_error *err)
{
    struct nj_mot_table made = {0};
    const struct nj_mot_table *result = task->detections;
    int rc = 0;
    if (!are_tracks(result)) {
        rc = nj_mot_track(task->detections, task->options, task->fps, &made, err);
        result = &made;
    }
    if (rc == 0 && task->out != NULL)
        rc = nj_mot_write(task->out, result, err);
    if (rc == 0)
        rc = measure(task->gt, result, out, err);
    nj_mot_free(&made);
    return rc;
}

int nj_cli_eval_config(int *argc, char **argv, struct nj_config **out, struct nj_error *err)
{
    struct nj_cli_config cli;
    int rc = nj_cli_config_parse(argc, argv, &cli, err);
    if (rc == 0 && *argc > 1)
        rc = NJ_E_INVALID; // the usage says what is wrong
    if (rc == 0)
        rc = nj_cli_config_load(&cli, out, err);
    nj_cli_config_finish(&cli);
    return rc;
}

int nj_cli_eval_refuse(const char *command, const struct nj_error *err, const char *usage)
{
    if (err->code != 0)
        return nj_cli_fail(command, NJ_EXIT_USAGE, err->text);
    fputs(usage, stderr);
    return NJ_EXIT_USAGE;
}

static int print_metrics(const struct nj_mot_metrics *m, bool as_json)
{
    const struct {
        const char *name;
        double value; // percent
    } shares[] = {
        {"mota", m->mota}, {"motp", m->motp},     {"idf1", m->idf1},          {"idp", m->idp},
        {"idr", m->idr},   {"hota", m->hota},     {"deta", m->deta},          {"assa", m->assa},
        {"loca", m->loca}, {"recall", m->recall}, {"precision", m->precision}};
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"fp", m->fp},
                  {"fn", m->fn},
                  {"id_switches", m->id_switches},
                  {"fragmentations", m->fragmentations},
                  {"gt_rows", m->gt_rows},
                  {"result_rows", m->result_rows}};
    struct nj_buf buf;
    struct nj_json_writer json;
    nj_buf_init(&buf, JSON_BYTES_MAX);
    nj_json_init(&json, &buf);
    if (as_json)
        nj_json_object_begin(&json, NULL);
    for (size_t i = 0; i < NJ_COUNT_OF(shares); i++) {
        if (as_json)
            nj_json_fixed(&json, shares[i].name, shares[i].value, 4);
        else
            nj_buf_printf(&buf, "%-16s %10.3f %%\n", shares[i].name, shares[i].value);
    }
    for (size_t i = 0; i < NJ_COUNT_OF(counts); i++) {
        if (as_json)
            nj_json_int(&json, counts[i].name, counts[i].value);
        else
            nj_buf_printf(&buf, "%-16s %10" PRId64 "\n", counts[i].name, counts[i].value);
    }
    if (as_json) {
        nj_json_object_end(&json);
        nj_buf_append_char(&buf, '\n');
    }
    bool good = nj_buf_failed(&buf) == 0 && fwrite(buf.data, 1, buf.length, stdout) == buf.length &&
                fflush(stdout) == 0;
    nj_buf_finish(&buf);
    return good ? NJ_EXIT_OK : NJ_EXIT_FAILED;
}

int nj_cli_eval_end(const char *command, int rc, const struct nj_error *err,
                    const struct nj_mot_metrics *metrics, bool as_json)
{
    return rc == 0 ? print_metrics(metrics, as_json)
                   : nj_cli_fail(command, NJ_EXIT_FAILED, err->text);
}

static const struct word {
    const char *name, *usage;
    int (*run)(int argc, char **argv);
} words[] = {
    {"mot", nj_cli_eval_mot_usage, nj_cli_eval_mot},
    {"video", nj_cli_eval_video_usage, nj_cli_eval_video},
};

int nj_cli_eval(int argc, char **argv)
{
    const bool asked = nj_cli_help(&argc, argv);
    bool known = false;
    for (size_t i = 0; i < NJ_COUNT_OF(words); i++) {
        const bool meant = argc > 1 && strcmp(argv[1], words[i].name) == 0;
        known |= meant;
        if (asked && (meant || argc == 1))
            fputs(words[i].usage, stdout);
        else if (meant)
            return words[i].run(argc - 1, argv + 1);
    }
    if (asked && (known || argc == 1))
        return NJ_EXIT_OK;
    return nj_cli_fail("eval", NJ_EXIT_USAGE, "say mot or video; see nightjar eval --help");
}
