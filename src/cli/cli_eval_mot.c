// SPDX-License-Identifier: Apache-2.0
// nightjar eval mot: tracks the detections of a MOTChallenge file and measures the result.
#include "cli/cli_eval_mot.h"

#include "config/config.h"
#include "track/mot.h"
#include "track/mot_run.h"
#include "track/track.h"
#include "util/buf.h"
#include "util/error.h"
#include "util/json_writer.h"
#include "util/mem.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    SETS_MAX = 64,
    PATH_SIZE = 4096,
    JSON_BYTES_MAX = 64 << 10,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
};

static const double FPS_FALLBACK = 30; // of a file without seqinfo.ini

static const char usage[] =
    "usage: nightjar eval mot --det FILE --gt FILE [--out FILE] [--fps N] [--json]\n"
    "                         [--set track.NAME=VALUE]...\n"
    "Tracks the detections, writes the tracks to --out, and prints MOTA, IDF1 and HOTA.\n"
    "Without --fps the frame rate comes from seqinfo.ini beside the folder of --det, else 30.\n";

struct arguments {
    const char *det, *gt, *out, *fps;
    const char *sets[SETS_MAX + 1];
    size_t set_count;
    bool json, help;
};

static int parse_pair(struct arguments *args, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **at;
    } texts[] = {
        {"--det", &args->det}, {"--gt", &args->gt}, {"--out", &args->out}, {"--fps", &args->fps}};
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].at = value;
            return 0;
        }
    }
    if (strcmp(name, "--set") != 0 || args->set_count == SETS_MAX)
        return NJ_E_INVALID;
    args->sets[args->set_count++] = value;
    return 0;
}

static int parse_arguments(struct arguments *args, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            args->help = true;
            return 0;
        }
        if (strcmp(argv[i], "--json") == 0) {
            args->json = true;
            continue;
        }
        if (i + 1 == argc || parse_pair(args, argv[i], argv[i + 1]) < 0) {
            fprintf(stderr, "nightjar eval mot: what is '%s'?\n", argv[i]);
            return NJ_E_INVALID;
        }
        i++;
    }
    return args->det != NULL && args->gt != NULL ? 0 : NJ_E_INVALID;
}

// <folder of det>/../seqinfo.ini, as MOTChallenge lays its sequences out.
static int find_fps(const struct arguments *args, double *out, struct nj_error *err)
{
    if (args->fps != NULL) {
        if (nj_text_to_double(args->fps, out) < 0)
            return nj_error_set(err, NJ_E_INVALID, "--fps '%s' is not a number", args->fps);
        return 0;
    }
    char path[PATH_SIZE];
    const char *slash = strrchr(args->det, '/');
    int folder = slash == NULL ? 0 : (int)(slash - args->det + 1);
    int length = snprintf(path, sizeof(path), "%.*s../seqinfo.ini", folder, args->det);
    int code = length < (int)sizeof(path) ? nj_mot_read_fps(path, out, err) : NJ_E_NOT_FOUND;
    if (code != NJ_E_NOT_FOUND)
        return code;
    *out = FPS_FALLBACK;
    return 0;
}

static int track_file(const struct arguments *args, struct nj_mot_table *out, struct nj_error *err)
{
    static const struct nj_option_group *const groups[] = {&nj_track_option_group, NULL};
    struct nj_config_input input = {.groups = groups, .sets = args->sets};
    struct nj_config *config = NULL;
    struct nj_mot_table det = {0};
    double fps;
    int code = nj_config_load(&input, &config, err);
    if (code == 0)
        code = find_fps(args, &fps, err);
    if (code == 0)
        code = nj_mot_read(args->det, &det, err);
    if (code == 0)
        code = nj_mot_track(&det, nj_config_get(config, &nj_track_option_group), fps, out, err);
    if (code == 0 && args->out != NULL) {
        code = nj_mot_write(args->out, out, err);
        if (code < 0)
            nj_mot_free(out);
    }
    nj_mot_free(&det);
    nj_config_unref(config);
    return code;
}

static int measure(const struct arguments *args, struct nj_mot_metrics *out, struct nj_error *err)
{
    struct nj_mot_table gt = {0}, result = {0};
    struct nj_mot_sums *sums = NULL;
    int code = nj_mot_read(args->gt, &gt, err);
    if (code == 0)
        code = track_file(args, &result, err);
    if (code == 0 && nj_mot_sums_create(&sums) < 0)
        code = nj_error_set(err, NJ_E_NOMEM, "no memory for the metrics");
    if (code == 0)
        code = nj_mot_sums_add(sums, &gt, &result, err);
    if (code == 0)
        nj_mot_sums_metrics(sums, out);
    nj_mot_sums_destroy(sums);
    nj_mot_free(&gt);
    nj_mot_free(&result);
    return code;
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
    return good ? 0 : EXIT_FAILED;
}

int nj_cli_eval_mot(int argc, char **argv)
{
    struct arguments args = {0};
    int code = parse_arguments(&args, argc, argv);
    if (code < 0 || args.help) {
        fputs(usage, code < 0 ? stderr : stdout);
        return code < 0 ? EXIT_USAGE : 0;
    }
    struct nj_mot_metrics metrics;
    struct nj_error err;
    if (measure(&args, &metrics, &err) < 0) {
        fprintf(stderr, "nightjar eval mot: %s\n", err.text);
        return EXIT_FAILED;
    }
    return print_metrics(&metrics, args.json);
}
