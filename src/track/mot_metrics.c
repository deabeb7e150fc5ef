// SPDX-License-Identifier: Apache-2.0
// Sums over sequences, and the metrics that follow from them.
#include "track/mot_priv.h"

#include <math.h>
#include <stdlib.h>

int nj_mot_sums_create(struct nj_mot_sums **out)
{
    struct nj_mot_sums *sums = calloc(1, sizeof(*sums));
    if (sums == NULL)
        return NJ_E_NOMEM;
    *out = sums;
    return 0;
}

void nj_mot_sums_destroy(struct nj_mot_sums *sums)
{
    free(sums);
}

void nj_mot_sums_merge(struct nj_mot_sums *sums, const struct nj_mot_sums *other)
{
    sums->tp += other->tp;
    sums->fp += other->fp;
    sums->fn += other->fn;
    sums->id_switches += other->id_switches;
    sums->fragmentations += other->fragmentations;
    sums->gt_rows += other->gt_rows;
    sums->result_rows += other->result_rows;
    sums->iou_sum += other->iou_sum;
    sums->id_tp += other->id_tp;
    for (int i = 0; i < NJ_MOT_ALPHAS; i++) {
        sums->hota_tp[i] += other->hota_tp[i];
        sums->ass_sum[i] += other->ass_sum[i];
        sums->loc_sum[i] += other->loc_sum[i];
    }
}

int nj_mot_sums_add(struct nj_mot_sums *sums, const struct nj_mot_table *gt,
                    const struct nj_mot_table *result, struct nj_error *err)
{
    struct nj_mot_sequence sequence = {0};
    struct nj_match match = {0};
    // A sequence that fails half-way must not leave its half in the sums.
    struct nj_mot_sums added = {0};
    int code = nj_mot_sequence_init(&sequence, gt, result, err);
    if (code < 0)
        goto done;
    added.gt_rows = (int64_t)sequence.gt.count;
    added.result_rows = (int64_t)sequence.result.count;
    code = nj_mot_add_clear(&added, &sequence, &match);
    if (code == 0)
        code = nj_mot_add_identity(&added, &sequence, &match);
    if (code == 0)
        code = nj_mot_add_hota(&added, &sequence, &match);
    if (code == 0)
        nj_mot_sums_merge(sums, &added);
    else
        nj_error_set(err, code, "no memory for the metrics");
done:
    nj_match_finish(&match);
    nj_mot_sequence_finish(&sequence);
    return code;
}

static double ratio(double part, double whole)
{
    return part / (whole > 1 ? whole : 1);
}

static void fill_hota(const struct nj_mot_sums *sums, struct nj_mot_metrics *out)
{
    const double floor_value = 1e-10; // no match at all counts as perfectly placed
    for (int i = 0; i < NJ_MOT_ALPHAS; i++) {
        double tp = (double)sums->hota_tp[i];
        double deta = ratio(tp, (double)(sums->gt_rows + sums->result_rows) - tp);
        double assa = ratio(sums->ass_sum[i], tp);
        out->deta += deta;
        out->assa += assa;
        out->hota += sqrt(deta * assa);
        out->loca += fmax(floor_value, sums->loc_sum[i]) / fmax(floor_value, tp);
    }
    const double percent = 100.0 / NJ_MOT_ALPHAS;
    out->deta *= percent;
    out->assa *= percent;
    out->hota *= percent;
    out->loca *= percent;
}

void nj_mot_sums_metrics(const struct nj_mot_sums *sums, struct nj_mot_metrics *out)
{
    double gt = (double)sums->gt_rows, result = (double)sums->result_rows;
    double tp = (double)sums->tp, id_tp = (double)sums->id_tp;
    *out = (struct nj_mot_metrics){
        .mota = 100 * ratio(tp - (double)sums->fp - (double)sums->id_switches, gt),
        .motp = 100 * ratio(sums->iou_sum, tp),
        .idf1 = 100 * ratio(2 * id_tp, gt + result),
        .idp = 100 * ratio(id_tp, result),
        .idr = 100 * ratio(id_tp, gt),
        .recall = 100 * ratio(tp, gt),
        .precision = 100 * ratio(tp, result),
        .fp = sums->fp,
        .fn = sums->fn,
        .id_switches = sums->id_switches,
        .fragmentations = sums->fragmentations,
        .gt_rows = sums->gt_rows,
        .result_rows = sums->result_rows,
    };
    fill_hota(sums, out);
}
