#!/usr/bin/env bash
# A Slurm of one node on this machine, for the tests: slurm.sh FOLDER starts it, slurm.sh FOLDER stop
# ends it. As root, without systemd; two devices that hold nothing stand for GPUs. Debian's packages:
# slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins
set -euo pipefail
folder=$1
host=$(hostname -s)
export SLURM_CONF=$folder/slurm.conf

stop() {
    for daemon in slurmd slurmctld munged; do
        [ -f "$folder/$daemon.pid" ] && kill "$(cat "$folder/$daemon.pid")" 2>/dev/null || true
    done
}
if [ "${2:-}" = stop ]; then
    stop
    exit
fi

mkdir -p "$folder"/{state,spool}
if ! munge -n > /dev/null 2>&1; then  # one that runs already will do
    # munge's own folders: nobody else may enter ours
    install -d -o munge -g munge -m 755 /run/munge
    [ -f /etc/munge/munge.key ] || mungekey --create
    chown munge /etc/munge/munge.key
    setpriv --reuid=munge --regid=munge --clear-groups munged --force --pid-file=/run/munge/munged.pid
    ln -sf /run/munge/munged.pid "$folder/munged.pid"
fi

for number in 0 1; do
    [ -e "$folder/gpu$number" ] || mknod "$folder/gpu$number" c 1 3
done
echo "NodeName=$host Name=gpu File=$folder/gpu[0-1]" > "$folder/gres.conf"
cat > "$SLURM_CONF" <<END
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthInfo=cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
MpiDefault=none
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc --all) Gres=gpu:2 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
slurmctld -c
slurmd
for _ in $(seq 60); do
    [ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && exit
    sleep 0.5
done
echo "no node of Slurm's came up; see $folder" >&2
stop
exit 1
