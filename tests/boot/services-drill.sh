# What is done on the machine of test_services.py, once, by root; its words on the console are what the test reads.
# $1: how podman keeps layers. With `overlay` a container is replaced and the database is upgraded, too.
ask() {
    PGPASSWORD=$(cat /etc/satchel/secrets/app-password) PGSSLMODE=verify-full \
    PGSSLROOTCERT=/etc/satchel/tls/authority-certificate.pem psql -XqtA -h localhost -U app -d school -c "$1"
}
web() { echo "$(satchel-container list) $(podman exec web printenv EDITION) $(podman exec web busybox cat /srv/www/page)"; }
store() { findmnt --noheadings --output UUID /var/lib/containers; }

echo "$(hostname) was here" > /srv/data/www/page
before=$(store)
satchel-reset containers --yes
[ "$(store)" != "$before" ] && seen renewed .
# As if the power had gone out in the midst of a second one.
touch /var/lib/satchel/containers-reset

if [ "$1" = overlay ]; then
    seen replaced "$(satchel-container replace web localhost/web:2 2>&1)"
    seen second "$(web)"
    seen refused "$(satchel-container replace web localhost/broken:1 2>&1)"
    seen still "$(web)"
    seen returned "$(satchel-container back web 2>&1)"
    seen third "$(web)"

    # What an earlier image would have left, after a power cut.
    systemctl stop satchel-postgres
    cd /srv/data/postgres
    mv 17 /srv/data/aside
    install -d -m 700 -o postgres -g postgres 15 /run/earlier
    old() { setpriv --reuid postgres --regid postgres --init-groups /usr/lib/postgresql/15/bin/"$@"; }
    old initdb --pgdata 15 --encoding=UTF8 --locale=C.UTF-8 --data-checksums --auth-local=peer >/dev/null
    old pg_ctl -D 15 -w -s -l /dev/null -o "-c listen_addresses= -c unix_socket_directories=/run/earlier" start
    old createdb -h /run/earlier school
    old psql -Xq -h /run/earlier school -c "CREATE TABLE work AS SELECT i FROM generate_series(1, 1000) i" \
        -c "GRANT SELECT ON work TO PUBLIC" -c CHECKPOINT
    old pg_ctl -D 15 -w -s -m immediate stop

    systemctl start satchel-postgres
    until [ "$(systemctl is-active satchel-postgres)" = failed ]; do sleep 1; done
    seen failed "$(systemctl --failed --plain --no-legend)"
    seen journal "$(journalctl -u satchel-postgres -n 12 -o cat)"
    seen untouched "$(ls -A)"
    seen upgrade "$(satchel-postgres upgrade 2>&1)"
    seen active "$(systemctl is-active satchel-postgres)"
    seen work "$(ask 'SELECT count(*) FROM work')"
    seen both "$(satchel-postgres status)"
    seen confirm "$(satchel-postgres confirm --yes 2>&1)"
    seen new "$(ls -A)"
fi
