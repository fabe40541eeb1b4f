"""Every rule that denies a signature has a text it denies and a like one that it leaves alone."""

import pytest

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.sign_guard import DENIALS, NO_CLAIM, judge
from shipment_tracking.domain.text_model import fold
from shipment_tracking.domain.texts import WORDINGS, classify


def verdict(text):
    return judge(fold(normalise(text)))


@pytest.mark.parametrize("rule", DENIALS, ids=lambda rule: rule.id)
def test_a_rule_denies_its_example_and_leaves_the_other(rule):
    assert verdict(rule.denies).denied_by == rule.id
    assert verdict(rule.allows).denied_by is None


@pytest.mark.parametrize("rule", DENIALS, ids=lambda rule: rule.id)
def test_a_text_is_signed_unless_a_rule_denies_it(rule):
    assert classify(normalise(rule.denies)).status != "signed"
    assert classify(normalise(rule.allows)).status == "signed"


def test_every_rule_has_an_id_and_a_reason():
    ids = [rule.id for rule in (*DENIALS, *WORDINGS)]

    assert len(set(ids)) == len(ids)
    assert all(rule.reason for rule in DENIALS)


def test_a_text_without_a_word_of_signing_is_denied():
    assert verdict("拦截成功完成").denied_by == NO_CLAIM


@pytest.mark.parametrize(
    "text",
    [
        "无法签收",
        "外送员已在商家取货",
        "骑士取货完成，正在前往",
        "请准备签收",
        "退回件已签收",
        "快件已到【云溪驿站】，请凭取件码签收",
        "如显示已签收，请忽略",
        "预计今日签收",
        "海外仓已签收",
        "包裹 2/3 已签收",
        "撤销签收",
        "客户拒绝签收",
        "待签收",
        "签收后请评价",
        "尚未妥投",
        "将由家人签收",
        "已通知本人签收",
        "商家已签收退货",
        "签收失败，客户不在",
        "will be signed by neighbour",
        "return delivered to sender",
        "could not be delivered",
        "scheduled to be delivered",
    ],
)
def test_what_only_speaks_of_a_signature_is_not_signed(text):
    assert classify(normalise(text)).status != "signed"


@pytest.mark.parametrize("rule", WORDINGS, ids=lambda rule: rule.id)
def test_a_fixed_wording_decides_alone(rule):
    reading = classify(normalise(rule.example))

    assert (reading.status, reading.decided_by) == (rule.status, rule.id)


def test_a_fixed_wording_of_a_signature_is_guarded_too():
    assert classify("客户 签收人: 拒绝签收 已签收").status != "signed"
