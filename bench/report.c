// SPDX-License-Identifier: Apache-2.0
// Table and JSON of benchmark figures, and the description of the machine.
#include "bench/report.h"

#include "util/file.h"
#include "util/json_writer.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
    CPU_NAME_SIZE = 128,
    LINE_SIZE = 1024,
    MACHINE_SIZE = 512,
    JSON_BYTES_MAX = 1 << 20,
};

void bench_report_add(struct bench_report *report, struct bench_result result)
{
    if (report->count < BENCH_RESULTS_MAX)
        report->results[report->count++] = result;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_result_spread(struct bench_result *result, double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_doubles);
    result->value = (values[count / 2] + values[(count - 1) / 2]) / 2;
    result->low = values[0];
    result->high = values[count - 1];
}

bool bench_result_holds(const struct bench_result *result)
{
    if (result->goal_kind == BENCH_AT_LEAST)
        return result->value >= result->goal;
    if (result->goal_kind == BENCH_AT_MOST)
        return result->value <= result->goal;
    return true;
}

// x86 has "model name"; arm64 has none, and its machine name must do.
static void read_cpu_name(char *out, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[LINE_SIZE];
    nj_text_copy(out, size, "unknown cpu");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", strlen("model name")) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        nj_text_copy(out, size, colon + strspn(colon, ": "));
        break;
    }
    fclose(file);
}

void bench_machine(char *out, size_t size)
{
    char cpu[CPU_NAME_SIZE];
    struct utsname name;
    read_cpu_name(cpu, sizeof(cpu));
    if (uname(&name) != 0)
        memset(&name, 0, sizeof(name));
    snprintf(out, size, "%s, %ld cores, %s %s %s", cpu, sysconf(_SC_NPROCESSORS_ONLN), name.sysname,
             name.release, name.machine);
}

static void print_table(const struct bench_report *report, const char *machine)
{
    static const char *const signs[] = {"", ">=", "<="};
    printf("%s on %s\n", report->bench, machine);
    printf("%-26s %14s %14s %14s  %-8s %s\n", "name", "value", "low", "high", "unit", "goal");
    for (size_t i = 0; i < report->count; i++) {
        const struct bench_result *r = &report->results[i];
        printf("%-26s %14.3f %14.3f %14.3f  %-8s", r->name, r->value, r->low, r->high, r->unit);
        if (r->goal_kind != BENCH_NO_GOAL)
            printf(" %s %g %s", signs[r->goal_kind], r->goal,
                   bench_result_holds(r) ? "holds" : "MISSED");
        printf("\n");
    }
}

static int write_json(const struct bench_report *report, const char *machine, const char *path,
                      struct nj_error *err)
{
    struct nj_buf buf;
    struct nj_json_writer json;
    nj_buf_init(&buf, JSON_BYTES_MAX);
    nj_json_init(&json, &buf);
    nj_json_object_begin(&json, NULL);
    nj_json_text(&json, "bench", report->bench);
    nj_json_text(&json, "machine", machine);
    nj_json_array_begin(&json, "results");
    for (size_t i = 0; i < report->count; i++) {
        const struct bench_result *r = &report->results[i];
        nj_json_object_begin(&json, NULL);
        nj_json_text(&json, "name", r->name);
        nj_json_number(&json, "value", r->value);
        nj_json_text(&json, "unit", r->unit);
        nj_json_number(&json, "low", r->low);
        nj_json_number(&json, "high", r->high);
        if (r->goal_kind != BENCH_NO_GOAL)
            nj_json_number(&json, "goal", r->goal);
        else
            nj_json_null(&json, "goal");
        nj_json_bool(&json, "holds", bench_result_holds(r));
        nj_json_object_end(&json);
    }
    nj_json_array_end(&json);
    nj_json_object_end(&json);
    nj_buf_append_char(&buf, '\n');
    int code = nj_buf_failed(&buf);
    if (code == 0)
        code = nj_file_write_atomic(path, buf.data, buf.length, err);
    else
        nj_error_set(err, code, "%s: the report does not fit", path);
    nj_buf_finish(&buf);
    return code;
}

int bench_report_finish(const struct bench_report *report, const char *json_path)
{
    char machine[MACHINE_SIZE];
    struct nj_error err;
    bench_machine(machine, sizeof(machine));
    print_table(report, machine);
    if (json_path != NULL && write_json(report, machine, json_path, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    for (size_t i = 0; i < report->count; i++) {
        if (!bench_result_holds(&report->results[i]))
            return 1;
    }
    return 0;
}

const char *bench_option(int argc, char **argv, const char *name, const char *fallback)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, name) == 0)
            return argv[i + 1];
    }
    return fallback;
}
