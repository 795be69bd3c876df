#include "scan_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the queue ---- */

void queue_init(path_queue *queue) {
  memset(queue, 0, sizeof *queue);
  pthread_mutex_init(&queue->lock, NULL);
  pthread_cond_init(&queue->changed, NULL);
}

void queue_destroy(path_queue *queue) {
  pthread_cond_destroy(&queue->changed);
  pthread_mutex_destroy(&queue->lock);
}

/* Readers that stop go on emptying the queue, so that this never waits for nobody. */
void queue_push(path_queue *queue, char *path) {
  pthread_mutex_lock(&queue->lock);
  while (queue->count == QUEUE_CAPACITY) pthread_cond_wait(&queue->changed, &queue->lock);
  queue->paths[(queue->first + queue->count) % QUEUE_CAPACITY] = path;
  queue->count++;
  pthread_cond_broadcast(&queue->changed);
  pthread_mutex_unlock(&queue->lock);
}

void queue_finish(path_queue *queue) {
  pthread_mutex_lock(&queue->lock);
  queue->finished = true;
  pthread_cond_broadcast(&queue->changed);
  pthread_mutex_unlock(&queue->lock);
}

char *queue_pop(path_queue *queue, bool *empty) {
  char *path = NULL;
  pthread_mutex_lock(&queue->lock);
  while (queue->count == 0 && !queue->finished && empty == NULL)
    pthread_cond_wait(&queue->changed, &queue->lock);
  if (queue->count > 0) {
    path = queue->paths[queue->first];
    queue->first = (queue->first + 1) % QUEUE_CAPACITY;
    /* Only a full queue has somebody waiting for room. */
    if (queue->count-- == QUEUE_CAPACITY) pthread_cond_broadcast(&queue->changed);
  }
  if (empty != NULL) *empty = path == NULL && !queue->finished;
  pthread_mutex_unlock(&queue->lock);
  return path;
}

/* ---- directories ---- */

typedef struct names {
  char **items;
  size_t count, capacity;
} names;

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The directory is closed before anything in it is entered: depth costs no file descriptors. */
static bool read_names(const char *path, names *list) {
  DIR *directory = opendir(path);
  if (directory == NULL) return false;
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(directory);
    if (entry == NULL) break;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (list->count == list->capacity) {
      list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
      list->items = (char **)must_realloc(list->items, list->capacity, sizeof *list->items);
    }
    list->items[list->count++] = must_join(path, entry->d_name);
  }
  int trouble = errno;
  closedir(directory);
  errno = trouble;
  return trouble == 0;
}

/* Links inside a tree are not followed (a named path is), and only plain files are read:
 * a loop or a pipe must not hold up a scan. Takes the path. */
static void walk_path(char *path, bool named, path_queue *queue, report *rep) {
  struct stat info;
  if (stop_requested) {
    free(path);
    return;
  }
  if ((named ? stat(path, &info) : lstat(path, &info)) != 0) {
    report_trouble(rep, path, strerror(errno));
    free(path);
    return;
  }
  if (S_ISDIR(info.st_mode)) {
    names list;
    memset(&list, 0, sizeof list);
    if (!read_names(path, &list)) report_trouble(rep, path, strerror(errno));
    if (list.count > 1) qsort(list.items, list.count, sizeof *list.items, by_bytes);
    for (size_t i = 0; i < list.count; i++) walk_path(list.items[i], false, queue, rep);
    free(list.items);
    free(path);
  } else if (named || S_ISREG(info.st_mode)) {
    queue_push(queue, path);
  } else {
    free(path);
  }
}

void walk(const options *opt, path_queue *queue, report *rep) {
  for (size_t i = 0; i < opt->path_count && !stop_requested; i++) {
    char *path = must_join(NULL, opt->paths[i]);
    if (strcmp(path, "-") == 0)
      queue_push(queue, path);
    else
      walk_path(path, true, queue, rep);
  }
  queue_finish(queue);
}
