#define _DEFAULT_SOURCE 1 /* the kind of what a directory has, where the system tells it */
#include "scan_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the queue ---- */

enum { ENOUGH_FILES = 16 * PATHS_AT_ONCE };

static void add(path_list *list, char *path) {
  if (list->count == list->capacity) {
    list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
    list->paths = (char **)must_realloc((void *)list->paths, list->capacity, sizeof *list->paths);
  }
  list->paths[list->count++] = path;
}

static char *take_last(path_list *list) {
  return list->paths[--list->count];
}

static void free_list(path_list *list) {
  while (list->count > 0) free(take_last(list));
  free((void *)list->paths);
}

void queue_init(path_queue *queue) {
  memset(queue, 0, sizeof *queue);
  pthread_mutex_init(&queue->lock, NULL);
  pthread_cond_init(&queue->filled, NULL);
  queue->listing = 1; /* the command line */
}

void queue_destroy(path_queue *queue) {
  free_list(&queue->files);
  free_list(&queue->directories);
  pthread_mutex_destroy(&queue->lock);
  pthread_cond_destroy(&queue->filled);
}

/* The lock is held. No more readers than there are things to do, or all of them when nothing will
 * come any more. */
static void wake(path_queue *queue) {
  size_t things = queue->directories.count + queue->files.count;
  if (queue->listing == 0 || things >= queue->waiting)
    pthread_cond_broadcast(&queue->filled);
  else
    while (things-- > 0) pthread_cond_signal(&queue->filled);
}

/* Directories only while there are few files to read: so there are never many more paths than one
 * directory has for each reader, and those of the directories on the way to it. */
took queue_take(path_queue *queue, work *next, bool wait) {
  next->directory = NULL;
  pthread_mutex_lock(&queue->lock);
  while (wait && queue->files.count + queue->directories.count == 0 && queue->listing > 0) {
    queue->waiting++;
    pthread_cond_wait(&queue->filled, &queue->lock);
    queue->waiting--;
  }
  next->count = 0;
  if (queue->directories.count > 0 && queue->files.count < ENOUGH_FILES) {
    next->directory = take_last(&queue->directories);
    queue->listing++;
  } else {
    size_t share = (queue->files.count + 1) / 2; /* the last ones are for everybody */
    next->count = share < PATHS_AT_ONCE ? share : (size_t)PATHS_AT_ONCE;
    queue->files.count -= next->count;
    for (size_t i = 0; i < next->count; i++)
      next->files[i] = queue->files.paths[queue->files.count + i];
  }
  bool more = queue->listing > 0;
  pthread_mutex_unlock(&queue->lock);
  if (next->count > 0 || next->directory != NULL) return TOOK_WORK;
  return more ? TOOK_NOTHING_NOW : TOOK_NOTHING_ANY_MORE;
}

void queue_give_back(path_queue *queue, work *rest) {
  pthread_mutex_lock(&queue->lock);
  for (size_t i = 0; i < rest->count; i++) add(&queue->files, rest->files[i]);
  rest->count = 0;
  wake(queue);
  pthread_mutex_unlock(&queue->lock);
}

/* Of a directory, or of the command line, which is done then. Takes the paths; first in, first out.
 */
static void queue_add(path_queue *queue, path_list *files, path_list *directories) {
  pthread_mutex_lock(&queue->lock);
  while (files->count > 0) add(&queue->files, take_last(files));
  while (directories->count > 0) add(&queue->directories, take_last(directories));
  queue->listing--;
  wake(queue);
  pthread_mutex_unlock(&queue->lock);
  free_list(files);
  free_list(directories);
}

/* ---- directories ---- */

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(path_list *list) {
  if (list->count > 1) qsort((void *)list->paths, list->count, sizeof *list->paths, by_bytes);
}

/* Whether it is a directory or a plain file, as the directory tells it. False: that is not known.
 */
static bool kind_told(const struct dirent *found, mode_t *mode) {
#ifdef DT_UNKNOWN
  *mode = found->d_type == DT_DIR ? S_IFDIR : found->d_type == DT_REG ? S_IFREG : S_IFIFO;
  return found->d_type != DT_UNKNOWN;
#else
  (void)found, (void)mode;
  return false;
#endif
}

/* Links inside a tree are not followed (a named path is), and only plain files are read: a loop or
 * a pipe must not hold up a scan. The directory is closed before anything in it is entered: depth
 * costs no file descriptors. */
void walk_directory(char *path, path_queue *queue, report *rep) {
  path_list files = {NULL, 0, 0}, directories = {NULL, 0, 0};
  DIR *directory = stop_requested ? NULL : opendir(path);
  if (directory == NULL && !stop_requested) report_trouble(rep, path, strerror(errno));
  while (directory != NULL) {
    errno = 0;
    struct dirent *found = readdir(directory);
    if (found == NULL) {
      if (errno != 0) report_trouble(rep, path, strerror(errno));
      closedir(directory);
      break;
    }
    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
    struct stat info;
    mode_t mode;
    char *full = must_join(path, found->d_name);
    if (!kind_told(found, &mode)) {
      /* By its name alone, while the directory is open: that spares the system the way there. */
      if (fstatat(dirfd(directory), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        report_trouble(rep, full, strerror(errno));
        free(full);
        continue;
      }
      mode = info.st_mode;
    }
    if (S_ISDIR(mode))
      add(&directories, full);
    else if (S_ISREG(mode))
      add(&files, full);
    else
      free(full);
  }
  free(path);
  sort(&files);
  sort(&directories);
  queue_add(queue, &files, &directories);
}

/* What was named is read whatever it is, through links too. */
void walk_named(const options *opt, path_queue *queue, report *rep) {
  path_list files = {NULL, 0, 0}, directories = {NULL, 0, 0};
  for (size_t i = 0; i < opt->path_count && !stop_requested; i++) {
    struct stat info;
    char *path = must_join(NULL, opt->paths[i]);
    if (strcmp(path, "-") == 0) {
      add(&files, path);
    } else if (stat(path, &info) != 0) {
      report_trouble(rep, path, strerror(errno));
      free(path);
    } else {
      add(S_ISDIR(info.st_mode) ? &directories : &files, path);
    }
  }
  queue_add(queue, &files, &directories);
}
