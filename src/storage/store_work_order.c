// SPDX-License-Identifier: Apache-2.0
// Table work_items: what came before an item, among those whose order must be kept.
#include "storage/sql_priv.h"
#include "storage/store_work.h"

int nj_work_earlier_due(struct nj_db *db, const struct nj_work_order *order, nj_us *out,
                        struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT due_us FROM work_items"
                          " WHERE queue = ?1 AND order_key = ?2 AND id < ?3 ORDER BY id LIMIT 1",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, order->queue);
    nj_sql_put_text(&sql, order->key);
    nj_sql_put_int(&sql, order->id);
    rc = nj_sql_step(&sql, err);
    if (rc == NJ_STEP_ROW) {
        *out = nj_sql_get_int(&sql);
        rc = 0;
    } else if (rc == NJ_STEP_DONE) {
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "nothing earlier of this order waits");
    }
    nj_sql_end(&sql);
    return rc;
}
