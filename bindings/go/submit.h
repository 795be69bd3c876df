#ifndef TROMMEL_GO_SUBMIT_H
#define TROMMEL_GO_SUBMIT_H
#include <trommel.h>

/* What Go has to say about one item; the bytes of all of them lie one after another. */
typedef struct trm_go_item {
  uint32_t len, rule_set_id, correlation;
} trm_go_item;

/* Submits until one is refused: a call from Go costs as much as many of these. */
static inline trm_status trm_go_submit(trm_engine *engine, const unsigned char *bytes, const trm_go_item *items,
                                       size_t count, trm_ticket *tickets, size_t *accepted) {
  trm_status status = TRM_OK;
  size_t i = 0;
  for (; i < count; i++) {
    status = trm_submit(engine, bytes, items[i].len, items[i].rule_set_id, items[i].correlation, tickets + i);
    if (status != TRM_OK) break;
    bytes += items[i].len;
  }
  *accepted = i;
  return status;
}
#endif
