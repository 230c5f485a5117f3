# What is done on the machine of test_kolibri_cloud.py, once, by root; its words on the console are what the test reads.
database() { setpriv --reuid postgres --regid postgres --init-groups psql -XqtA -d kolibri -c "$1"; }
# Who everybody is, and what was put into a directory of content by hand.
who() {
    database "select id from kolibriauth_collection where kind = 'facility'"
    database "select id from kolibriauth_facilityuser order by id"
    podman exec kolibri cat /var/lib/kolibri/content/storage/a/b/lesson.txt
}
of() { podman inspect kolibri --format '{{ "{{" }}.ImageName{{ "}}" }}'; }
answers() { python3 -c 'import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:8080/api/public/info/").status)'; }

podman exec kolibri sh -c 'cd /var/lib/kolibri && mkdir -p content/storage/a/b && echo a lesson > content/storage/a/b/lesson.txt'
seen first "$(of) $(who)"
seen replaced "$(satchel-container replace kolibri localhost/kolibri:next 2>&1)"
seen second "$(of) $(who) $(answers)"
seen refused "$(satchel-container replace kolibri localhost/broken:1 2>&1)"
seen still "$(of) $(who) $(answers)"
seen returned "$(satchel-container back kolibri 2>&1)"
seen third "$(of) $(who) $(answers)"
seen list "$(satchel-container list)"
